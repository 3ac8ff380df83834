import { type Family, familyOf, rangeOf } from '../../policy/address.ts';
import type { Address, Prefix } from '../../policy/block-set.ts';

/** The prefixes of one family and length. */
interface Level {
  readonly family: Family;
  readonly hostBits: bigint;
  /** By their first address. */
  readonly prefixes: Map<bigint, Prefix>;
}

/**
 * Many prefixes, asked for the narrowest that holds an address: one look-up per length, as the kernel does it. Built when
 * it is asked for the first time. What it is given and asked must be canonical.
 */
export class PrefixIndex {
  readonly #prefixes: Iterable<Prefix>;
  /** Longest prefixes first. */
  #levels: readonly Level[] | undefined;
  /** The first addresses in their order. */
  readonly #firsts: Partial<Record<Family, readonly bigint[]>> = {};

  constructor(prefixes: Iterable<Prefix>) {
    this.#prefixes = prefixes;
  }

  /** The narrowest prefix that holds the address, or the other prefix whole. */
  narrowest(inner: Address | Prefix): Prefix | undefined {
    return first(this.#built(), inner);
  }

  /** The widest. */
  widest(inner: Address | Prefix): Prefix | undefined {
    return first(this.#built().toReversed(), inner);
  }

  /** True if one of the prefixes holds the address, or the other prefix whole. */
  holds(inner: Address | Prefix): boolean {
    return this.narrowest(inner) !== undefined;
  }

  /** True if any address is in both. */
  meets(other: Address | Prefix): boolean {
    if (this.holds(other)) return true;
    const family = familyOf(other);
    const { first, last } = rangeOf(other);
    this.#firsts[family] ??= this.#built()
      .flatMap((level) => (level.family === family ? [...level.prefixes.keys()] : []))
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const firsts = this.#firsts[family];
    let [low, high] = [0, firsts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((firsts[middle] ?? last) < first) low = middle + 1;
      else high = middle;
    }
    const next = firsts[low];
    return next !== undefined && next <= last;
  }

  #built(): readonly Level[] {
    this.#levels ??= levelsOf(this.#prefixes);
    return this.#levels;
  }
}

/** The first prefix in the order of these levels that holds the address, or the other prefix whole. */
function first(levels: readonly Level[], inner: Address | Prefix): Prefix | undefined {
  if (levels.length === 0) return undefined;
  const mine = familyOf(inner);
  const range = rangeOf(inner);
  for (const { family, hostBits, prefixes } of levels) {
    if (family !== mine || range.first >> hostBits !== range.last >> hostBits) continue;
    const found = prefixes.get((range.first >> hostBits) << hostBits);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Indexes by what they were made from, for as long as that is there. */
const indexes = new WeakMap<object, PrefixIndex>();

/**
 * The index of these prefixes, made once for each set: the sets of a block set are immutable, and those that did not change are the same
 * objects in the next one.
 */
export function indexOf(prefixes: ReadonlySet<Prefix> | ReadonlyMap<Prefix, unknown>): PrefixIndex {
  let index = indexes.get(prefixes);
  if (index === undefined) {
    index = new PrefixIndex({ [Symbol.iterator]: () => prefixes.keys() });
    indexes.set(prefixes, index);
  }
  return index;
}

/** Prefixes that hold what both of these hold: those of each side that lie whole in one of the other. */
export function common(a: ReadonlySet<Prefix>, b: ReadonlySet<Prefix>): ReadonlySet<Prefix> {
  const [inA, inB] = [indexOf(a), indexOf(b)];
  return new Set([...[...a].filter((one) => inB.holds(one)), ...[...b].filter((one) => inA.holds(one))]);
}

function levelsOf(prefixes: Iterable<Prefix>): readonly Level[] {
  const levels = new Map<string, Level>();
  for (const prefix of prefixes) {
    const family = familyOf(prefix);
    const hostBits = BigInt((family === 4 ? 32 : 128) - Number(prefix.split('/')[1]));
    const key = `${family} ${hostBits}`;
    const level = levels.get(key) ?? { family, hostBits, prefixes: new Map() };
    levels.set(key, level);
    level.prefixes.set(rangeOf(prefix).first, prefix);
  }
  return [...levels.values()].sort((a, b) => Number(a.hostBits - b.hostBits));
}
