import { type Family, familyOf, prefixOf, rangeOf } from './address.ts';
import type { Address, Prefix } from './block-set.ts';

/** True when the prefix contains the address or the other prefix whole. */
export function contains(prefix: Prefix, inner: Address | Prefix): boolean {
  if (familyOf(prefix) !== familyOf(inner)) return false;
  const [outside, inside] = [rangeOf(prefix), rangeOf(inner)];
  return outside.first <= inside.first && inside.last <= outside.last;
}

/** The parts of a prefix that lie in none of the holes, as few prefixes as possible. */
export function without(prefix: Prefix, holes: Iterable<Prefix>): Prefix[] {
  const family: Family = familyOf(prefix);
  let parts: Prefix[] = [prefix];
  for (const hole of holes) {
    if (familyOf(hole) !== family) continue;
    parts = parts.flatMap((part) => {
      if (contains(hole, part)) return [];
      return contains(part, hole) ? around(part, hole, family) : [part];
    });
  }
  return parts;
}

/** The halves on the way from a prefix down to a hole in it that do not lead there. */
function around(prefix: Prefix, hole: Prefix, family: Family): Prefix[] {
  const parts: Prefix[] = [];
  const width = family === 4 ? 32 : 128;
  let { first } = rangeOf(prefix);
  for (let length = lengthOf(prefix) + 1; length <= lengthOf(hole); length++) {
    const half = 1n << BigInt(width - length);
    const upper = first + half;
    if (rangeOf(hole).first >= upper) {
      parts.push(prefixOf(first, length, family));
      first = upper;
    } else parts.push(prefixOf(upper, length, family));
  }
  return parts;
}

function lengthOf(prefix: Prefix): number {
  return Number(prefix.split('/')[1]);
}
