import { setName } from './names.ts';
import { FAMILIES, type Rulebook } from './rulebook.ts';
import { sameMembers } from './shape.ts';

/** A key is what a packet's owner is found by: an address or a MAC. */
export function* keysOf({ sets, shape }: Rulebook): Generator<readonly [key: string, slot: number]> {
  for (const [slot, { macs }] of shape.slots) {
    for (const mac of macs) yield [mac, slot];
    for (const family of FAMILIES)
      for (const address of sets.get(setName('d', family, slot))?.elements ?? []) yield [address, slot];
  }
}

/** Keys that were one owner's and become another's. None where every owner keeps its keys, which is told without a look at them. */
export function movedKeys(now: Rulebook, want: Rulebook): ReadonlySet<string> {
  if (sameKeys(now, want)) return new Set();
  const held = new Map<string, number>();
  for (const [key, slot] of keysOf(now)) held.set(key, slot);
  const moved = new Set<string>();
  for (const [key, slot] of keysOf(want)) if ((held.get(key) ?? slot) !== slot) moved.add(key);
  return moved;
}

/** True if each slot of `want` has the keys that it has in `now`; what is taken over is the same object. */
function sameKeys(now: Rulebook, want: Rulebook): boolean {
  for (const [slot, shape] of want.shape.slots) {
    const there = now.shape.slots.get(slot);
    if (there === undefined || (there !== shape && !sameMembers(there.macs, shape.macs))) return false;
    for (const family of FAMILIES) {
      const name = setName('d', family, slot);
      if (now.sets.get(name)?.elements !== want.sets.get(name)?.elements) return false;
    }
  }
  return true;
}

/** The slots that hold one of the keys in any of the rulebooks. */
export function slotsOf(keys: ReadonlySet<string>, ...rulebooks: readonly Rulebook[]): ReadonlySet<number> {
  const slots = new Set<number>();
  if (keys.size === 0) return slots;
  for (const rulebook of rulebooks)
    for (const [key, slot] of keysOf(rulebook)) if (keys.has(key)) slots.add(slot);
  return slots;
}
