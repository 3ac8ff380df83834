import type { Mac } from '../../policy/block-set.ts';
import type { HostNameFact } from '../observe/facts.ts';

/** What a device calls itself: by source, the oldest first. */
export type Names = Map<string, string>;

const MAX_NAMES = 8;
const MAX_WAITING = 1_024;

/** Adds a name; true when that changes anything. What was restored gives way to what the device says now. */
export function addName(names: Names, { source, name }: HostNameFact): boolean {
  // Multicast DNS announces several names in turn, each of the others has one.
  const key = source === 'mdns' ? `mdns ${name}` : source;
  if (names.get(key) === name) return false;
  for (const other of names.keys()) if (other.startsWith('restored')) names.delete(other);
  names.set(key, name);
  const [oldest] = names.keys();
  if (names.size > MAX_NAMES && oldest !== undefined) names.delete(oldest);
  return true;
}

/**
 * The names of a device, the one that it is shown by first: what it asked the router to call it, then what it announces on
 * the segment. In that order whoever spoke first, so that it is called the same after a restart. The same letters in another case
 * are no other name.
 */
export function namesOf(names: Names): string[] {
  const isAnnounced = (source: string) => Number(source.startsWith('mdns'));
  const each = new Map<string, string>();
  for (const [, name] of [...names].sort(([x], [y]) => isAnnounced(x) - isAnnounced(y))) {
    const letters = name.toLowerCase();
    if (!each.has(letters)) each.set(letters, name);
  }
  return [...each.values()];
}

/** Takes up the names of before a restart, unless the device has already said what it is called now. */
export function restoreNames(names: Names, restored: readonly string[]): void {
  if ([...names.keys()].some((key) => !key.startsWith('restored'))) return;
  for (const [i, name] of restored.slice(0, MAX_NAMES).entries()) names.set(`restored ${i}`, name);
}

/** Names heard before the first address of their device: a name alone is no sighting, because leases outlive devices. */
export class WaitingNames {
  readonly #byMac = new Map<Mac, HostNameFact>();

  add(fact: HostNameFact): void {
    this.#byMac.delete(fact.mac);
    this.#byMac.set(fact.mac, fact);
    const [oldest] = this.#byMac.keys();
    if (this.#byMac.size > MAX_WAITING && oldest !== undefined) this.#byMac.delete(oldest);
  }

  take(mac: Mac): HostNameFact | undefined {
    const fact = this.#byMac.get(mac);
    this.#byMac.delete(mac);
    return fact;
  }
}
