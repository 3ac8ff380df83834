import { type Family, familyOf } from '../../policy/address.ts';
import type { BlockSet, Mac, NodeId } from '../../policy/block-set.ts';
import { isElement, isMac, networks } from './elements.ts';
import { type SetLetter, setName } from './names.ts';
import { isWide, kindsOf, type Shape, type SlotShape, sameMembers, sameSlot } from './shape.ts';
import { groupOf } from './slots.ts';
import { type Union, unionOf } from './union.ts';

export const FAMILIES: readonly Family[] = [4, 6];

/** One kernel set and what it should hold. */
export interface SetSpec {
  readonly letter: SetLetter;
  readonly family: Family;
  /** The slot or the slot group. */
  readonly index: number | undefined;
  readonly elements: ReadonlySet<string>;
}

/** Both families' elements of a set. */
type Elements = Readonly<Record<Family, ReadonlySet<string>>>;

/** A set in both families, and what it comes from. */
export interface Part {
  /** Undefined for what comes from other parts. */
  readonly from: object | undefined;
  readonly elements: Elements;
  readonly sets: Readonly<Record<Family, readonly [name: string, set: SetSpec]>>;
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
 * What did not change since `last` (the same object in the same place) is taken over and not looked at again, and is the same
 * object afterwards: that is how a difference knows where to look.
 */
export function compile(
  blockSet: BlockSet,
  slots: ReadonlyMap<NodeId, number>,
  options: { readonly wan: readonly string[]; readonly last?: Rulebook | undefined },
): Rulebook {
  const last = options.last ?? emptyRulebook;
  const parts = new Map<string, Part>();
  const sets = new Map<string, SetSpec>();
  const keep = (key: string, one: Part): Elements => {
    parts.set(key, one);
    for (const family of FAMILIES) sets.set(...one.sets[family]);
    return one.elements;
  };
  const part = (letter: SetLetter, from: Keyed, read: Reader, index?: number): Elements => {
    const key = `${letter}${index ?? ''}`;
    const known = last.parts.get(key);
    if (known?.from === from) return keep(key, known);
    const { elements, refused } = filled(from, read, known?.elements);
    return keep(key, { from, elements, sets: named(letter, index, elements, known), refused });
  };
  const join = (letter: SetLetter, from: readonly Elements[], index?: number): void => {
    const key = `${letter}${index ?? ''}`;
    const known = last.parts.get(key);
    const of = (family: Family): Union =>
      unionOf(
        from.map((one) => one[family]),
        known?.elements[family],
      );
    const elements = { 4: of(4), 6: of(6) };
    keep(key, { from: undefined, elements, sets: named(letter, index, elements, known), refused: 0 });
  };

  const remotes = [part('E', blockSet.everyone, address)];
  part('H', blockSet.home, networks);
  part('U', blockSet.guard, networks);
  part('K', blockSet.known, address);

  const shared = sharedKeys(blockSet);
  const shapes = new Map<number, SlotShape>();
  const [all, wide]: [Elements[], Elements[]] = [[], []];
  const groups = new Map<number, { all: Elements[]; wide: Elements[] }>();
  let badMacs = 0;
  const order = [...blockSet.owners.values()]
    .map((owner) => ({ owner, slot: slots.get(owner.id) }))
    .sort((a, b) => (a.slot ?? 0) - (b.slot ?? 0));
  for (const { owner, slot } of order) {
    if (slot === undefined) throw new Error('an owner has no slot');
    const kinds = kindsOf(owner);
    const own = part('d', owner.addresses, address, slot);
    remotes.push(part('r', owner.remotes, address, slot));
    if (kinds.has('a')) part('a', owner.exceptions, address, slot);
    if (kinds.has('an')) part('an', owner.exceptedNetworks, networks, slot);
    if (kinds.has('n')) part('n', owner.networks, networks, slot);
    const macs = goodMacs(owner.macs);
    badMacs += owner.macs.size - macs.size;
    const isShared = shared.size > 0 && [...owner.addresses, ...owner.macs].some((key) => shared.has(key));
    const shape = { macs, shared: isShared, kinds };
    const there = last.shape.slots.get(slot);
    shapes.set(slot, there !== undefined && sameSlot(there, shape) ? there : shape);
    const group = groups.get(groupOf(slot)) ?? { all: [], wide: [] };
    groups.set(groupOf(slot), group);
    for (const one of [all, group.all]) one.push(own);
    if (isWide(kinds)) for (const one of [wide, group.wide]) one.push(own);
  }

  join('L', all);
  join('W', wide);
  join('R', remotes);
  for (const [group, of] of groups) {
    join('g', of.all, group);
    if (of.wide.length > 0) join('w', of.wide, group);
  }
  return {
    sets,
    shape: { wan: options.wan, slots: shapes },
    refused: parts.values().reduce((sum, one) => sum + one.refused, badMacs),
    parts,
  };
}

type Keyed = ReadonlySet<string> | ReadonlyMap<string, unknown>;
/** What of an entry may be handed to a tool; nothing of one that is refused. */
type Reader = (entry: string) => readonly string[];

const address: Reader = (entry) => (isElement(entry) ? [entry] : []);

function named(
  letter: SetLetter,
  index: number | undefined,
  elements: Elements,
  known: Part | undefined,
): Part['sets'] {
  const of = (family: Family): readonly [string, SetSpec] =>
    known !== undefined && known.elements[family] === elements[family]
      ? known.sets[family]
      : [setName(letter, family, index), { letter, family, index, elements: elements[family] }];
  return { 4: of(4), 6: of(6) };
}

/** What was good enough before is not looked at again: of thousands of an owner one is new, as a rule. */
function filled(from: Keyed, read: Reader, known: Elements | undefined): Pick<Part, 'elements' | 'refused'> {
  const elements = { 4: new Set<string>(), 6: new Set<string>() };
  let refused = 0;
  for (const entry of from.keys()) {
    const family = familyOf(entry);
    if (known?.[family].has(entry)) elements[family].add(entry);
    else {
      const parts = read(entry);
      if (parts.length === 0) refused += 1;
      for (const one of parts) elements[family].add(one);
    }
  }
  const kept = (family: Family): ReadonlySet<string> =>
    known !== undefined && sameMembers(known[family], elements[family]) ? known[family] : elements[family];
  return { elements: { 4: kept(4), 6: kept(6) }, refused };
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
