import type { Address, Spared, Wanted } from './block-set.ts';
import { keptEntries } from './kept.ts';
import { excepts, type Rule } from './rules.ts';

/**
 * The blocks of addresses for the whole home, which a kernel has once and not per device. Kept rule by rule: answers which
 * addresses a change was about. What a home-wide allow excepts is left out.
 */
export class Everyone {
  /** Blocks by address, excepted or not. Of a rule that was made anew an earlier form may stand here: it ranks the same. */
  readonly blocks = new Map<Address, Rule[]>();
  readonly #allows = new Map<Address, Rule[]>();
  #wanted: ReadonlyMap<Address, Wanted> = new Map();
  #spared: readonly Spared[] = [];
  #dirty = new Set<Address>();

  /** What is blocked for everyone. Another object when anything changed. */
  get wanted(): ReadonlyMap<Address, Wanted> {
    return this.#wanted;
  }

  get spared(): readonly Spared[] {
    return this.#spared;
  }

  /** Puts `next` in the place of `before`. */
  replace(before: Rule | undefined, next: Rule | undefined): void {
    const [old, fresh] = [before?.addresses ?? new Set<Address>(), next?.addresses ?? new Set<Address>()];
    const index = (before ?? next)?.effect === 'allow' ? this.#allows : this.blocks;
    for (const address of old.difference(fresh)) {
      const left = (index.get(address) ?? []).filter(({ record }) => record !== before?.record);
      if (left.length > 0) index.set(address, left);
      else index.delete(address);
      this.#dirty.add(address);
    }
    for (const address of fresh.difference(old)) {
      if (next !== undefined) index.set(address, [...(index.get(address) ?? []), next]);
      this.#dirty.add(address);
    }
  }

  /** Brings `wanted` up to date; `all`: also where no rule changed. Answers the addresses that were looked at. */
  settle(guarded: (address: Address) => boolean, all: boolean): ReadonlySet<Address> {
    const dirty = all ? new Set(this.blocks.keys()) : this.#dirty;
    this.#dirty = new Set();
    if (dirty.size === 0 && !all) return dirty;
    const wanted = all ? new Map<Address, Wanted>() : new Map(this.#wanted);
    const spared = all ? [] : this.#spared.filter(({ address }) => !dirty.has(address));
    for (const address of dirty) {
      const blocks = this.blocks.get(address) ?? [];
      const allows = this.#allows.get(address) ?? [];
      const left = blocks.filter((block) => !allows.some((allow) => excepts(allow, block)));
      if (left.length === 0) wanted.delete(address);
      else if (guarded(address)) {
        wanted.delete(address);
        for (const { record } of left) spared.push({ record, address, why: 'guard' });
      } else
        wanted.set(
          address,
          left.map(({ record }) => record),
        );
    }
    this.#wanted = keptEntries(this.#wanted, wanted);
    this.#spared = spared;
    return dirty;
  }
}
