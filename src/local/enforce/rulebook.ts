import { isIP } from 'node:net';
import { type Family, familyOf } from '../../policy/address.ts';
import type { BlockSet, Mac, NodeId } from '../../policy/block-set.ts';
import { type SetLetter, setName } from './names.ts';
import { groupOf } from './slots.ts';

export const FAMILIES: readonly Family[] = [4, 6];

/**
 * What comes here is canonical already (policy/address.ts); this holds off anything that a tool could take for a host
 * name, an option or two lines, at a price that suits a check of every address at every change.
 */
const LOOKS_LIKE: Readonly<Record<Family, RegExp>> = {
  4: /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/,
  6: /^[0-9a-f:]{2,39}$/,
};

/** One kernel set and what it should hold. */
export interface SetSpec {
  readonly letter: SetLetter;
  readonly family: Family;
  readonly elements: ReadonlySet<string>;
}

/** What the chains must know of the owner in a slot. */
export interface SlotShape {
  readonly macs: ReadonlySet<Mac>;
  /** An address or MAC of it belongs to another owner too: the other's rules must be asked as well. */
  readonly shared: boolean;
}

/** All that the chains depend on; elements of sets are not part of it. */
export interface Shape {
  /** Interfaces towards the internet, possibly none. */
  readonly wan: readonly string[];
  readonly slots: ReadonlyMap<number, SlotShape>;
}

/** A block set as the kernel holds it: sets by name, and the shape of the chains (`chainsOf`) that use them. */
export interface Rulebook {
  readonly sets: ReadonlyMap<string, SetSpec>;
  readonly shape: Shape;
  /** Elements of the block set that are no address or prefix; never handed to a tool. */
  readonly refused: number;
}

export const emptyRulebook: Rulebook = { sets: new Map(), shape: { wan: [], slots: new Map() }, refused: 0 };

/**
 * The rulebook of a block set. Every owner must have a slot. Layout and order are those of the design page; each
 * family has the same sets and chains, whether it has elements or not, so that a first element needs no new rule.
 */
export function compile(
  blockSet: BlockSet,
  slots: ReadonlyMap<NodeId, number>,
  options: { readonly wan: readonly string[] },
): Rulebook {
  const opened = new Map<string, Record<Family, Set<string>>>();
  const sets = new Map<string, SetSpec>();
  let refused = 0;
  const open = (letter: SetLetter, index?: number): Record<Family, Set<string>> => {
    const key = `${letter}${index ?? ''}`;
    const there = opened.get(key);
    if (there !== undefined) return there;
    const pair = { 4: new Set<string>(), 6: new Set<string>() };
    for (const family of FAMILIES)
      sets.set(setName(letter, family, index), { letter, family, elements: pair[family] });
    opened.set(key, pair);
    return pair;
  };
  const fill = (addresses: Iterable<string>, ...into: Record<Family, Set<string>>[]): void => {
    for (const address of addresses) {
      const family = familyOf(address);
      if (!LOOKS_LIKE[family].test(address)) refused += 1;
      else for (const pair of into) pair[family].add(address);
    }
  };
  const fillPrefixes = (prefixes: Iterable<string>, into: Record<Family, Set<string>>): void => {
    for (const prefix of prefixes) {
      const parts = networks(prefix);
      if (parts.length === 0) refused += 1;
      for (const part of parts) into[familyOf(part)].add(part);
    }
  };

  const [owned, remotes, everyone] = [open('L'), open('R'), open('E')];
  fillPrefixes(blockSet.home, open('H'));
  fillPrefixes(blockSet.guard, open('U'));
  fill(blockSet.known, open('K'));
  fill(blockSet.everyone.keys(), everyone, remotes);
  const shared = sharedKeys(blockSet);
  const shapes = new Map<number, SlotShape>();
  const order = [...blockSet.owners.values()]
    .map((owner) => ({ owner, slot: slots.get(owner.id) }))
    .sort((a, b) => (a.slot ?? 0) - (b.slot ?? 0));
  for (const { owner, slot } of order) {
    if (slot === undefined) throw new Error('an owner has no slot');
    fill(owner.addresses, open('d', slot), open('g', groupOf(slot)), owned);
    fill(owner.remotes.keys(), open('r', slot), remotes);
    const keys = [...owner.addresses, ...owner.macs];
    shapes.set(slot, { macs: owner.macs, shared: shared.size > 0 && keys.some((key) => shared.has(key)) });
  }
  return { sets, shape: { wan: options.wan, slots: shapes }, refused };
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

/** A prefix as hash:net takes it: `/0` is not possible there and becomes its two halves. Empty for no prefix. */
function networks(prefix: string): readonly string[] {
  const [base = '', length = '', more] = prefix.split('/');
  const family = familyOf(prefix);
  if (isIP(base) !== family || base.includes('%') || more !== undefined || !/^\d{1,3}$/.test(length))
    return [];
  if (Number(length) > (family === 4 ? 32 : 128)) return [];
  if (Number(length) > 0) return [prefix];
  return family === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
}
