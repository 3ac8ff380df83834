import { PrefixSet } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import { domainNodeId } from '../../policy/identity.ts';
import { nodeOf } from '../../policy/lift.ts';
import type { BlockRecord, Subject } from '../../policy/records.ts';
import type { KnownNode } from '../known-node.ts';
import type { Parts } from '../parts.ts';
import { addressesOf, idsOf } from './standing.ts';

/** So many names are told at most. */
export const MAX_AFFECTED = 20;

/** Known names that a block covers besides what it was made for. */
export interface Affected {
  readonly names: readonly string[];
  readonly more: number;
}

/** What a subject reaches: addresses, and the names that are meant. */
interface Extent {
  readonly addresses: Set<Address>;
  readonly meant: Set<string>;
}

/** Tells what shares an address with what is blocked. One for each answer: it reads the nodes once, when it has to. */
export class Affects {
  readonly #parts: Parts;
  #remotes: readonly KnownNode[] | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Of a block's far side. Who blocks a network, the internet or all others means whatever is there. */
  by(subject: Subject): Affected {
    const extent: Extent = { addresses: new Set(), meant: new Set() };
    this.#take(subject, extent);
    const names = new Set<string>();
    for (const address of extent.addresses) {
      for (const name of this.#parts.cache.domainsOf(address)) if (!extent.meant.has(name)) names.add(name);
    }
    const sorted = [...names].sort();
    return {
      names: sorted.slice(0, MAX_AFFECTED),
      more: Math.max(0, sorted.length - MAX_AFFECTED),
    };
  }

  /** The nodes that a block goes on to cover although they were taken apart from what it was made for, by their names. */
  splitFrom({ a, b, apart }: BlockRecord): string[] {
    const { crypto, replica, directory, identity } = this.#parts;
    const classes = identity();
    const ids = [a, b].flatMap(
      (side) => nodeOf(side, (domain) => domainNodeId(crypto, replica.home, domain)) ?? [],
    );
    return ids
      .flatMap((id) => [...classes.covered(id, apart)].filter((other) => !classes.shown(id).has(other)))
      .map((id) => directory.label({ kind: directory.node(id)?.device === false ? 'remote' : 'device', id }));
  }

  #take(subject: Subject, into: Extent): void {
    const { directory } = this.#parts;
    const meant = (domains: readonly string[]) => {
      for (const domain of domains) into.meant.add(domain);
    };
    switch (subject.kind) {
      case 'remote':
      case 'domain':
        for (const address of addressesOf(this.#parts, subject)) into.addresses.add(address);
        if (subject.kind === 'domain') into.meant.add(subject.domain);
        for (const id of idsOf(this.#parts, subject)) meant(directory.node(id)?.domains ?? []);
        break;
      case 'pattern': {
        const isUnder = (domain: string) =>
          domain === subject.suffix || domain.endsWith(`.${subject.suffix}`);
        for (const { domains, addresses } of this.#nodes()) {
          if (!domains.some(isUnder)) continue;
          meant(domains.filter(isUnder));
          for (const { address } of addresses) into.addresses.add(address);
        }
        break;
      }
      case 'network': {
        const inside = new PrefixSet([subject.prefix]);
        for (const { addresses } of this.#nodes()) {
          for (const { address } of addresses) if (inside.has(address)) into.addresses.add(address);
        }
        break;
      }
      case 'group':
        for (const { subject: member } of directory.groups().get(subject.group)?.members ?? [])
          if (member.kind !== 'group') this.#take(member, into);
        break;
      default:
        break;
    }
  }

  #nodes(): readonly KnownNode[] {
    this.#remotes ??= this.#parts.directory.each().filter((node) => !node.device);
    return this.#remotes;
  }
}
