import type { NodeCache } from '../local/nodes/node-cache.ts';
import { canonicalAddress, canonicalDomain, canonicalMac } from '../policy/address.ts';
import type { Mac, NodeId } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Binding, Descriptor } from '../policy/descriptor.ts';
import type { Subject } from '../policy/records.ts';
import type { Registers } from '../policy/registers.ts';
import type { Replica } from '../policy/replica.ts';

/** A node with everything that the home knows of it. */
export interface KnownNode {
  readonly id: NodeId;
  readonly device: boolean;
  readonly macs: readonly Mac[];
  readonly addresses: readonly Binding[];
  readonly domains: readonly string[];
  /** Given by a person first, then what it calls itself. */
  readonly names: readonly string[];
}

/** What a text may stand for. */
export type Match = { readonly subject: Subject; readonly label: string };

const MIN_PREFIX = 4;

/** Who is who: this router's nodes, what the other routers say of persistent ones, and the names that people gave. */
export class Directory {
  readonly #replica: Replica;
  readonly #registers: Registers;
  readonly #cache: NodeCache;

  constructor(replica: Replica, registers: Registers, cache: NodeCache) {
    this.#replica = replica;
    this.#registers = registers;
    this.#cache = cache;
  }

  /** All nodes, merged; devices first. */
  nodes(): KnownNode[] {
    const byId = new Map<NodeId, Descriptor[]>();
    const note = (descriptor: Descriptor): void => {
      byId.set(descriptor.node, [...(byId.get(descriptor.node) ?? []), descriptor]);
    };
    for (const descriptor of this.#cache.descriptors()) note(descriptor);
    for (const { descriptor } of this.#registers.all()) if (descriptor !== undefined) note(descriptor);
    const given = this.#givenNames();
    return [...byId]
      .map(([id, descriptors]) => merge(id, descriptors, given.get(id)))
      .sort((x, y) => Number(y.device) - Number(x.device) || (labelOf(x) < labelOf(y) ? -1 : 1));
  }

  node(id: NodeId): KnownNode | undefined {
    const descriptors = [this.#cache.descriptor(id)];
    for (const register of this.#registers.all())
      if (register.node === id) descriptors.push(register.descriptor);
    const known = descriptors.filter((descriptor) => descriptor !== undefined);
    return known.length === 0 ? undefined : merge(id, known, this.#givenNames().get(id));
  }

  /**
   * Everything that a person may mean by a text: a name, a MAC, an address, a domain, the beginning of an id, `home`.
   * A domain that nobody has seen yet is one all the same. Several matches: the person has to say it more exactly.
   */
  find(text: string): Match[] {
    const wanted = text.trim();
    if (wanted.toLowerCase() === 'home') return [{ subject: { kind: 'home' }, label: 'home' }];
    const nodes = this.nodes();
    const named = nodes.filter((node) =>
      node.names.some((name) => name.toLowerCase() === wanted.toLowerCase()),
    );
    if (named.length > 0) return named.map(match);
    const mac = canonicalMac(wanted);
    if (mac !== undefined) return this.#byMac(mac, nodes);
    const address = canonicalAddress(wanted);
    if (address !== undefined) return this.#byAddress(address, nodes);
    const domain = canonicalDomain(wanted);
    if (domain !== undefined) return [{ subject: { kind: 'domain', domain }, label: domain }];
    if (wanted.length < MIN_PREFIX || !/^[0-9a-f]+$/i.test(wanted)) return [];
    return nodes.filter((node) => node.id.startsWith(wanted.toLowerCase())).map(match);
  }

  /** How a subject is shown. */
  label(subject: Subject): string {
    switch (subject.kind) {
      case 'device':
      case 'remote': {
        const node = this.node(subject.id);
        return node === undefined ? subject.id.slice(0, 8) : labelOf(node);
      }
      case 'domain':
        return subject.domain;
      case 'pattern':
        return `*.${subject.suffix}`;
      case 'network':
        return subject.prefix;
      case 'group':
        return subject.group;
      case 'router':
        return this.routerName(subject.peer);
      default:
        return subject.kind;
    }
  }

  /** The name a person gave a router, else what it says of itself, else the beginning of its key. */
  routerName(peer: PeerKey): string {
    return this.#givenNames().get(peer) ?? (this.#registers.card(peer)?.name || peer.slice(0, 8));
  }

  /** The home's name; undefined while nobody gave it one. */
  homeName(): string | undefined {
    return this.#givenNames().get('home');
  }

  /** Of several live names the one with the greatest id is shown (policy.md). Keys: node id, peer key, `home`. */
  #givenNames(): Map<string, string> {
    const names = new Map<string, { id: string; text: string }>();
    for (const { id, record } of this.#replica.live.values()) {
      if (record.kind !== 'name') continue;
      const { of, text } = record;
      const key =
        of.kind === 'device' || of.kind === 'remote' ? of.id : of.kind === 'router' ? of.peer : of.kind;
      if ((names.get(key)?.id ?? '') < id) names.set(key, { id, text });
    }
    return new Map([...names].map(([key, { text }]) => [key, text]));
  }

  /** A MAC that nobody has seen yet is a device all the same: it will be cut from its first packet. */
  #byMac(mac: Mac, nodes: readonly KnownNode[]): Match[] {
    const known = nodes.filter((node) => node.macs.includes(mac));
    if (known.length > 0) return known.map(match);
    this.#cache.restore([{ node: '', device: true, macs: [mac], addresses: [], domains: [], names: [] }]);
    const id = this.#cache.deviceByMac(mac);
    return id === undefined ? [] : [{ subject: { kind: 'device', id }, label: mac }];
  }

  #byAddress(address: string, nodes: readonly KnownNode[]): Match[] {
    const owners = nodes.filter(
      (node) => node.device && node.addresses.some((binding) => binding.address === address),
    );
    if (owners.length > 0) return owners.map(match);
    const id = this.#cache.addressNode(address);
    return id === undefined ? [] : [{ subject: { kind: 'remote', id }, label: address }];
  }
}

/** The shortest text that a person recognises. */
export function labelOf(node: KnownNode): string {
  return (
    node.names[0] ?? node.domains[0] ?? node.macs[0] ?? node.addresses[0]?.address ?? node.id.slice(0, 8)
  );
}

function match(node: KnownNode): Match {
  return { subject: { kind: node.device ? 'device' : 'remote', id: node.id }, label: labelOf(node) };
}

function merge(id: NodeId, descriptors: readonly Descriptor[], given: string | undefined): KnownNode {
  const addresses = new Map(
    descriptors.flatMap((of) =>
      of.addresses.map((binding) => [`${binding.segment} ${binding.address}`, binding]),
    ),
  );
  const unique = (pick: (descriptor: Descriptor) => readonly string[]) => [
    ...new Set(descriptors.flatMap(pick)),
  ];
  return {
    id,
    device: descriptors.some((descriptor) => descriptor.device),
    macs: unique((descriptor) => descriptor.macs),
    addresses: [...addresses.values()],
    domains: unique((descriptor) => descriptor.domains),
    names: [
      ...new Set([...(given === undefined ? [] : [given]), ...unique((descriptor) => descriptor.names)]),
    ],
  };
}
