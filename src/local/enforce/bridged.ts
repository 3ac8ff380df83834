import { isIP } from 'node:net';
import { familyOf, PrefixSet } from '../../policy/address.ts';
import type { Address, BlockSet, NodeId, Owner, Prefix, Wanted } from '../../policy/block-set.ts';
import { isElement, networks } from './elements.ts';
import { PrefixIndex } from './prefix-index.ts';
import { sameMembers } from './shape.ts';

/**
 * What of a block set can be about two devices of one bridge: entries about far ends that are near, which is inside the
 * home's prefixes or a known address of a device. Of a home's block set that is little: most of it is about the internet. For
 * packets between near ends it blocks what the whole set blocks. What did not change stays the same object, owners and all of them together.
 */
export class Bridged {
  #home: BlockSet['home'] = new Set();
  /** Known addresses outside the home's prefixes. */
  #strays: ReadonlySet<Address> = new Set();
  #inside = new PrefixSet([]);
  #near = new PrefixIndex([]);
  #owners = new Map<NodeId, { readonly of: Owner; readonly near: Owner }>();
  #nearOwners: BlockSet['owners'] = new Map();
  #everyone: { readonly of: BlockSet['everyone']; readonly near: BlockSet['everyone'] } | undefined;
  #known: BlockSet['known'] | undefined;

  next(blockSet: BlockSet): BlockSet {
    this.#look(blockSet);
    const owners = new Map<NodeId, { readonly of: Owner; readonly near: Owner }>();
    for (const [id, of] of blockSet.owners)
      owners.set(id, { of, near: this.#owner(of, this.#owners.get(id)) });
    this.#owners = owners;
    const there = this.#nearOwners;
    const same =
      there.size === owners.size && owners.entries().every(([id, { near }]) => there.get(id) === near);
    if (!same) this.#nearOwners = new Map([...owners].map(([id, { near }]) => [id, near]));
    if (this.#everyone?.of !== blockSet.everyone)
      this.#everyone = { of: blockSet.everyone, near: this.#meeting(blockSet.everyone, this.#everyone) };
    return {
      ...blockSet,
      owners: this.#nearOwners,
      everyone: this.#everyone.near,
    };
  }

  /** What is near; when that moved everything is asked anew. */
  #look({ home, known }: BlockSet): void {
    if (home === this.#home && known === this.#known) return;
    const sameHome = sameMembers(home, this.#home);
    this.#home = home;
    this.#known = known;
    const strays = straysOf(known, home);
    if (sameHome && sameMembers(strays, this.#strays)) return;
    this.#strays = strays;
    const prefixes = [...home].filter(isPrefix);
    this.#inside = new PrefixSet(prefixes);
    this.#near = new PrefixIndex([...prefixes, ...[...strays].map(single)]);
    this.#owners = new Map();
    this.#everyone = undefined;
  }

  #owner(of: Owner, before: { readonly of: Owner; readonly near: Owner } | undefined): Owner {
    if (before?.of === of) return before.near;
    const meeting = (
      key: 'remotes' | 'networks' | 'exceptions' | 'exceptedNetworks',
    ): ReadonlyMap<string, Wanted> =>
      this.#meeting(of[key], before && { of: before.of[key], near: before.near[key] });
    const near = {
      ...of,
      remotes: meeting('remotes'),
      networks: meeting('networks'),
      exceptions: meeting('exceptions'),
      exceptedNetworks: meeting('exceptedNetworks'),
    };
    const there: Owner | undefined = before?.near;
    return there !== undefined && KEYS.every((key) => there[key] === near[key]) ? there : near;
  }

  /** Addresses and networks that something near is in. Of thousands of an owner one is new, as a rule. */
  #meeting(
    entries: ReadonlyMap<string, Wanted>,
    before: Record<'of' | 'near', ReadonlyMap<string, Wanted>> | undefined,
  ): ReadonlyMap<string, Wanted> {
    if (before?.of === entries) return before.near;
    const near = new Map<string, Wanted>();
    for (const [key, wanted] of entries)
      if (before?.of.has(key) ? before.near.has(key) : this.#isNear(key)) near.set(key, wanted);
    return near.size === 0 && before?.near.size === 0 ? before.near : near;
  }

  #isNear(key: Address | Prefix): boolean {
    if (key.includes('/')) return isPrefix(key) && this.#near.meets(key);
    return isIP(key) !== 0 && !key.includes('%') && (this.#strays.has(key) || this.#inside.has(key));
  }
}

const KEYS = [
  ...(['id', 'addresses', 'macs', 'internet', 'lan'] as const),
  ...(['remotes', 'networks', 'exceptions', 'exceptedNetworks'] as const),
];

/** Known addresses outside the home's prefixes: of a prefix that somebody else announces, or set by hand. */
export function straysOf(known: Iterable<Address>, home: Iterable<Prefix>): ReadonlySet<Address> {
  const inside = new PrefixIndex([...home].filter(isPrefix));
  return new Set([...known].filter((address) => isElement(address) && !inside.holds(address)));
}

/** The backend of what is routed tells of what is none. */
function isPrefix(key: string): boolean {
  return networks(key).length > 0;
}

function single(address: Address): Prefix {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`;
}
