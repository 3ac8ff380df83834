import type { Owner, Wanted } from './block-set.ts';

/**
 * What is the same as before stays the same object: whoever makes something of it takes that over too, and does not have to look
 * at thousands of addresses to see that nothing happened to them.
 */
export function keptSet<T>(before: ReadonlySet<T> | undefined, next: ReadonlySet<T>): ReadonlySet<T> {
  if (before === undefined || before === next) return next;
  return before.size === next.size && before.isSubsetOf(next) ? before : next;
}

/** The same of entries with the records that want them. */
export function keptEntries(
  before: ReadonlyMap<string, Wanted> | undefined,
  next: ReadonlyMap<string, Wanted>,
): ReadonlyMap<string, Wanted> {
  if (before === undefined || before.size !== next.size) return next;
  for (const [key, wanted] of next) {
    const there = before.get(key);
    if (there === undefined || !sameRecords(there, wanted)) return next;
  }
  return before;
}

/** The same of an owner, and of each of its parts. */
export function keptOwner(before: Owner | undefined, next: Owner): Owner {
  if (before === undefined) return next;
  const owner: Owner = {
    id: next.id,
    addresses: keptSet(before.addresses, next.addresses),
    macs: keptSet(before.macs, next.macs),
    remotes: keptEntries(before.remotes, next.remotes),
    networks: keptEntries(before.networks, next.networks),
    internet: keptWanted(before.internet, next.internet),
    lan: keptWanted(before.lan, next.lan),
    exceptions: keptEntries(before.exceptions, next.exceptions),
    exceptedNetworks: keptEntries(before.exceptedNetworks, next.exceptedNetworks),
  };
  const keys = Object.keys(owner) as (keyof Owner)[];
  return keys.every((key) => owner[key] === before[key]) ? before : owner;
}

/** The same of a map of objects that stay the same themselves. */
export function keptMap<K, V>(before: ReadonlyMap<K, V>, next: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  const same = before.size === next.size && next.entries().every(([key, value]) => before.get(key) === value);
  return same ? before : next;
}

function keptWanted(before: Wanted | undefined, next: Wanted | undefined): Wanted | undefined {
  return before !== undefined && next !== undefined && sameRecords(before, next) ? before : next;
}

function sameRecords(a: Wanted, b: Wanted): boolean {
  return a.length === b.length && a.every((record, n) => record === b[n]);
}
