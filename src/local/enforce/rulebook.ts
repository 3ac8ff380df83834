import { type Family, familyOf } from '../../policy/address.ts';
import type { BlockSet, Mac, NodeId, Owner } from '../../policy/block-set.ts';
import { isElement, isMac, networks } from './elements.ts';
import { type SetLetter, setName } from './names.ts';
import { isWide, type Kind, kindsOf, type Shape, type SlotShape } from './shape.ts';
import { groupOf } from './slots.ts';

export const FAMILIES: readonly Family[] = [4, 6];

/** One kernel set and what it should hold. */
export interface SetSpec {
  readonly letter: SetLetter;
  readonly family: Family;
  /** The slot or the slot group. */
  readonly index: number | undefined;
  readonly elements: ReadonlySet<string>;
}

/** Sets that come from these objects alone. */
export interface Part {
  readonly from: readonly object[];
  readonly sets: ReadonlyMap<string, SetSpec>;
  readonly refused: number;
}

/** A block set as the kernel holds it: sets by name, and the shape of the chains (`chainsOf`) that use them. */
export interface Rulebook {
  readonly sets: ReadonlyMap<string, SetSpec>;
  readonly shape: Shape;
  /** Elements of the block set that are no address, prefix or MAC; never handed to a tool. */
  readonly refused: number;
  /** What the next rulebook takes over where its block set holds the same objects. */
  readonly parts: ReadonlyMap<string, Part>;
}

export const emptyRulebook: Rulebook = {
  sets: new Map(),
  shape: { wan: [], slots: new Map() },
  refused: 0,
  parts: new Map(),
};

/**
 * The rulebook of a block set. Every owner must have a slot. Layout and order are those of the design page; each
 * family has the same sets and chains, whether it has elements or not, so that a first element needs no new rule.
 * What did not change since `last` (the same object in the same slot) is taken over and not looked at again.
 */
export function compile(
  blockSet: BlockSet,
  slots: ReadonlyMap<NodeId, number>,
  options: { readonly wan: readonly string[]; readonly last?: Rulebook | undefined },
): Rulebook {
  const parts = new Map<string, Part>();
  const part = (key: string, from: readonly object[], fill: (into: Filling) => void): Part => {
    const known = options.last?.parts.get(key);
    const same = known?.from.length === from.length && known.from.every((one, i) => one === from[i]);
    const one = known !== undefined && same ? known : filled(from, fill);
    parts.set(key, one);
    return one;
  };

  const everyone = part('E', [blockSet.everyone], (into) => into.addresses('E', blockSet.everyone.keys()));
  part('H', [blockSet.home], (into) => into.prefixes('H', blockSet.home));
  part('U', [blockSet.guard], (into) => into.prefixes('U', blockSet.guard));
  part('K', [blockSet.known], (into) => into.addresses('K', blockSet.known));

  const shared = sharedKeys(blockSet);
  const shapes = new Map<number, SlotShape>();
  const owned: Part[] = [];
  const groups = new Map<number, { all: Part[]; wide: Part[] }>();
  const order = [...blockSet.owners.values()]
    .map((owner) => ({ owner, slot: slots.get(owner.id) }))
    .sort((a, b) => (a.slot ?? 0) - (b.slot ?? 0));
  for (const { owner, slot } of order) {
    if (slot === undefined) throw new Error('an owner has no slot');
    const kinds = kindsOf(owner);
    const own = part(`slot ${slot}`, [owner], (into) => fillOwner(into, owner, slot, kinds));
    const keys = shared.size === 0 ? [] : [...owner.addresses, ...owner.macs];
    const macs = goodMacs(owner.macs);
    shapes.set(slot, { macs, shared: keys.some((key) => shared.has(key)), kinds });
    owned.push(own);
    const group = groups.get(groupOf(slot)) ?? { all: [], wide: [] };
    groups.set(groupOf(slot), group);
    group.all.push(own);
    if (isWide(kinds)) group.wide.push(own);
  }

  const join = (letter: SetLetter, from: readonly Part[], of: SetLetter, index?: number): void =>
    void part(`${letter}${index ?? ''}`, from, (into) => into.union(letter, from, of, index));
  join('L', owned, 'd');
  join(
    'W',
    [...groups.values()].flatMap(({ wide }) => wide),
    'd',
  );
  part('R', [everyone, ...owned], (into) => {
    into.union('R', [everyone], 'E');
    into.union('R', owned, 'r');
  });
  for (const [group, { all, wide }] of groups) {
    join('g', all, 'd', group);
    if (wide.length > 0) join('w', wide, 'd', group);
  }
  return {
    sets: new Map([...parts.values()].flatMap((one) => [...one.sets])),
    shape: { wan: options.wan, slots: shapes },
    refused: parts.values().reduce((sum, one) => sum + one.refused, 0),
    parts,
  };
}

function fillOwner(into: Filling, owner: Owner, slot: number, kinds: ReadonlySet<Kind>): void {
  into.refused += owner.macs.size - goodMacs(owner.macs).size;
  into.addresses('d', owner.addresses, slot);
  into.addresses('r', owner.remotes.keys(), slot);
  if (kinds.has('a')) into.addresses('a', owner.exceptions.keys(), slot);
  if (kinds.has('an')) into.prefixes('an', owner.exceptedNetworks.keys(), slot);
  if (kinds.has('n')) into.prefixes('n', owner.networks.keys(), slot);
}

function filled(from: readonly object[], fill: (into: Filling) => void): Part {
  const filling = new Filling();
  fill(filling);
  return { from, sets: filling.sets, refused: filling.refused };
}

/** Sets in the making, one of a letter. Each comes in both families, with or without elements. */
class Filling {
  readonly sets = new Map<string, SetSpec>();
  readonly #pairs = new Map<string, Record<Family, Set<string>>>();
  refused = 0;

  addresses(letter: SetLetter, addresses: Iterable<string>, index?: number): void {
    const into = this.#open(letter, index);
    for (const address of addresses) {
      if (isElement(address)) into[familyOf(address)].add(address);
      else this.refused += 1;
    }
  }

  prefixes(letter: SetLetter, prefixes: Iterable<string>, index?: number): void {
    const into = this.#open(letter, index);
    for (const prefix of prefixes) {
      const parts = networks(prefix);
      if (parts.length === 0) this.refused += 1;
      for (const part of parts) into[familyOf(part)].add(part);
    }
  }

  /** Everything in the sets of one letter. */
  union(letter: SetLetter, parts: readonly Part[], of: SetLetter, index?: number): void {
    const into = this.#open(letter, index);
    for (const { sets } of parts)
      for (const set of sets.values())
        if (set.letter === of) for (const element of set.elements) into[set.family].add(element);
  }

  #open(letter: SetLetter, index: number | undefined): Record<Family, Set<string>> {
    const there = this.#pairs.get(letter);
    if (there !== undefined) return there;
    const pair = { 4: new Set<string>(), 6: new Set<string>() };
    this.#pairs.set(letter, pair);
    for (const family of FAMILIES)
      this.sets.set(setName(letter, family, index), { letter, family, index, elements: pair[family] });
    return pair;
  }
}

/** Those that may stand in a rule. */
function goodMacs(macs: ReadonlySet<Mac>): ReadonlySet<Mac> {
  const good = [...macs].filter(isMac);
  return good.length === macs.size ? macs : new Set(good);
}

/** Addresses and MACs that more than one owner has (a lease that moved and is not forgotten yet). */
function sharedKeys(blockSet: BlockSet): Set<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const owner of blockSet.owners.values()) {
    for (const key of [...owner.addresses, ...owner.macs]) {
      if (seen.has(key)) shared.add(key);
      seen.add(key);
    }
  }
  return shared;
}
