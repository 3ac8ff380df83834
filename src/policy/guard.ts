import { canonicalPrefix, isPrivate, isSpecial, PrefixSet } from './address.ts';
import type { Address, Prefix } from './block-set.ts';
import { keptSet } from './kept.ts';

/**
 * What is never blocked whatever the policy says: loopback, link-local control traffic, multicast, broadcast
 * (RFC 6890, RFC 4291). DHCP and neighbour discovery live there.
 */
const ALWAYS: ReadonlySet<Prefix> = new Set([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/128',
  '::1/128',
  'fe80::/10',
  'ff00::/8',
]);

/**
 * The guard: what always stays reachable. Addresses of members are taken only inside the home's prefixes, or a bad
 * member could free a tracker by claiming its address.
 */
export function guardOf(
  own: Iterable<Address>,
  members: Iterable<Address>,
  home: ReadonlySet<Prefix>,
): Set<Prefix> {
  const inside = new PrefixSet(home);
  const guard = new Set<Prefix>(ALWAYS);
  const add = (address: Address): void => {
    const prefix = canonicalPrefix(address);
    if (prefix !== undefined) guard.add(prefix);
  };
  for (const address of own) add(address);
  for (const address of members) if (inside.has(address)) add(address);
  return guard;
}

/**
 * Answers whether an address is guarded. What is guarded always is told by the text alone (`isSpecial`); the rest are
 * mostly single addresses: no address has to be parsed, and this is asked for every one at every decision.
 */
export function guardCheck(guard: ReadonlySet<Prefix>): (address: Address) => boolean {
  const rest = new PrefixSet([...guard].filter((prefix) => !ALWAYS.has(prefix)));
  return (address) => isSpecial(address) || rest.has(address);
}

/**
 * The home's prefixes H: those of our LANs, those that members announce, and `home.networks`. Announced ones are taken
 * only when they can be a home's: private, unique local, or a global IPv6 prefix of 48 bits and more; a member must
 * not be able to declare half of the internet part of the home.
 */
export function homePrefixes(
  own: Iterable<Prefix>,
  announced: Iterable<Prefix>,
  configured: Iterable<Prefix>,
): Set<Prefix> {
  const home = new Set<Prefix>([...own, ...configured]);
  for (const prefix of announced) {
    const [base = '', length = '0'] = prefix.split('/');
    const plausible = base.includes(':')
      ? Number(length) >= 48 && !isPrivate(base)
      : Number(length) >= 8 && isPrivate(base);
    if (plausible) home.add(prefix);
  }
  return home;
}

/** What a router's home and guard come from. */
export interface Bounds {
  /** The prefixes of its LANs, those that members announce, and those of the configuration. */
  readonly prefixes: readonly [
    own: Iterable<Prefix>,
    announced: Iterable<Prefix>,
    configured: Iterable<Prefix>,
  ];
  /** Its own addresses, and those of members. */
  readonly addresses: readonly [own: Iterable<Address>, members: Iterable<Address>];
}

/**
 * The home's prefixes and the guard, the same objects as long as what they come from is the same: to read prefixes is
 * most of a small decision, and all that is made of the two is made anew when they are.
 */
export class HomeAndGuard {
  #from: readonly string[] = [];
  #home: ReadonlySet<Prefix> = new Set();
  #guard: ReadonlySet<Prefix> = guardOf([], [], new Set());

  next({ prefixes, addresses }: Bounds): { home: ReadonlySet<Prefix>; guard: ReadonlySet<Prefix> } {
    const lists = [...prefixes, ...addresses].map((one) => [...one]);
    const from = lists.flatMap((list) => [`${list.length}`, ...list]);
    if (from.length !== this.#from.length || from.some((one, n) => one !== this.#from[n])) {
      const [own = [], announced = [], configured = [], mine = [], members = []] = lists;
      this.#from = from;
      this.#home = keptSet(this.#home, homePrefixes(own, announced, configured));
      this.#guard = keptSet(this.#guard, guardOf(mine, members, this.#home));
    }
    return { home: this.#home, guard: this.#guard };
  }
}
