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
    const levels = this.#built();
    if (levels.length === 0) return undefined;
    const mine = familyOf(inner);
    const { first, last } = rangeOf(inner);
    for (const { family, hostBits, prefixes } of levels) {
      if (family !== mine || first >> hostBits !== last >> hostBits) continue;
      const found = prefixes.get((first >> hostBits) << hostBits);
      if (found !== undefined) return found;
    }
    return undefined;
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

/** Prefixes that hold what both of these hold: those of each side that lie whole in one of the other. */
export function common(a: ReadonlySet<Prefix>, b: ReadonlySet<Prefix>): ReadonlySet<Prefix> {
  const [inA, inB] = [new PrefixIndex(a), new PrefixIndex(b)];
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
