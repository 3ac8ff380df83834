import type { Family } from '../../../policy/address.ts';
import type { BlockSet, Owner } from '../../../policy/block-set.ts';
import { FAMILIES } from '../rulebook.ts';
import { sameMembers } from '../shape.ts';
import { unionOf } from '../union.ts';
import { chainsOf, type Kinds, type Shape, sameShape } from './chains.ts';
import { Filling, fillOwner, type Length } from './filling.ts';
import { setName } from './names.ts';
import { NO_PORTS } from './own.ts';
import { setsOf } from './sets.ts';
import type { SetPlan, Table } from './table.ts';

/** Elements that come from these objects alone, and in the rounds that the key names. */
interface Part {
  readonly from: readonly object[];
  readonly rounds: string;
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  readonly lengths: readonly Length[];
  /** What is blocked address by address, for the gate. */
  readonly remotes: Readonly<Record<Family, ReadonlySet<string>>>;
  readonly refused: number;
}

/** A block set as a table, and what the next one takes over from it. */
export interface Compiled {
  readonly table: Table;
  /** Elements of the block set that are no address, prefix or MAC; never handed to a tool. */
  readonly refused: number;
  readonly parts: ReadonlyMap<string, Part>;
  readonly shape: Shape;
  readonly from: BlockSet;
}

/**
 * The table of a block set. What did not change since `last` (the same object) is taken over and not looked at again,
 * and is the same object afterwards: a difference is looked for only in the rest.
 */
export function compile(
  blockSet: BlockSet,
  options: {
    readonly wan: readonly string[];
    readonly last?: Compiled | undefined;
    readonly of?: Shape['of'];
    readonly ports?: Shape['ports'];
  },
): Compiled {
  const { last } = options;
  if (last !== undefined && last.shape.wan === options.wan && sameObjects(last.from, blockSet)) return last;
  const parts = new Map<string, Part>();
  const part = (key: string, from: readonly object[], fill: (into: Filling) => void, rounds = ''): Part => {
    const known = last?.parts.get(key);
    const same =
      known?.rounds === rounds &&
      known.from.length === from.length &&
      known.from.every((one, i) => one === from[i]);
    const one = known !== undefined && same ? known : filled(from, rounds, fill, known);
    parts.set(key, one);
    return one;
  };

  const everyone = part('e', [blockSet.everyone], (into) => into.addresses('e', blockSet.everyone.keys()));
  part('h', [blockSet.home], (into) => into.outermost('h', blockSet.home));
  part('u', [blockSet.guard], (into) => into.outermost('u', blockSet.guard));
  part('k', [blockSet.known], (into) => into.addresses('k', blockSet.known));
  if (options.of === 'bridged') {
    part('o', [blockSet.known, blockSet.home], (into) => into.strays(blockSet.known, blockSet.home));
    part('links', [blockSet.owners], (into) => into.links(blockSet));
  }

  const owned: Part[] = [];
  const kinds = new Set<Kinds>();
  const taken = new Map<string, number>();
  const most = { address: 1, mac: 0 };
  // In the order of their ids, so that a round stays an owner's.
  for (const owner of [...blockSet.owners.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const later: string[] = [];
    const rounds = new Map<string, number>();
    for (const [what, keys] of [
      ['address', owner.addresses],
      ['mac', owner.macs],
    ] as const) {
      for (const key of keys) {
        const round = taken.get(key) ?? 0;
        taken.set(key, round + 1);
        most[what] = Math.max(most[what], round + 1);
        if (round === 0) continue;
        rounds.set(key, round);
        later.push(`${key} ${round}`);
      }
    }
    const asked = kindsOf(owner);
    if (asked !== '') kinds.add(asked);
    const fill = (into: Filling): void => fillOwner(into, owner, asked, rounds);
    owned.push(part(`owner ${owner.id}`, [owner], fill, later.sort().join()));
  }
  parts.set('r', gate([everyone, ...owned], last?.parts.get('r')));

  const wanted = shapeOf(options, most, kinds, owned);
  const before = last !== undefined && sameShape(last.shape, wanted) ? last : bare(wanted);
  return {
    table: { sets: assemble(before, parts), chains: before.table.chains },
    refused: parts.values().reduce((sum, one) => sum + one.refused, 0),
    parts,
    shape: before.shape,
    from: blockSet,
  };
}

/** True if nothing that a table is made of differs; most changes are about nothing that is on a bridge. */
function sameObjects(a: BlockSet, b: BlockSet): boolean {
  return (['owners', 'everyone', 'home', 'guard', 'known'] as const).every((key) => a[key] === b[key]);
}

/** A table of this shape without elements. */
function bare(shape: Shape): Pick<Compiled, 'table' | 'parts' | 'shape'> {
  const sets = [...setsOf(shape)].map(([name, one]) => [name, { ...one, parts: new Map() }] as const);
  return { table: { sets: new Map(sets), chains: chainsOf(shape) }, parts: new Map(), shape };
}

/** Exceptions alone are asked for with the pairs. */
function kindsOf({ networks: blocked, exceptedNetworks, internet, lan }: Owner): Kinds {
  const wide = internet !== undefined || lan !== undefined;
  return [
    blocked.size > 0 || (wide && exceptedNetworks.size > 0) ? 'n' : '',
    internet === undefined ? '' : 'i',
    lan === undefined ? '' : 'l',
  ].join('');
}

function shapeOf(
  { wan, of = 'routed', ports = NO_PORTS }: Partial<Pick<Shape, 'of' | 'ports'>> & Pick<Shape, 'wan'>,
  most: { readonly address: number; readonly mac: number },
  kinds: ReadonlySet<Kinds>,
  owned: readonly Part[],
): Shape {
  const shape = {
    of,
    wan,
    ports,
    rounds: most.address,
    macRounds: most.mac,
    kinds,
    networks: { 4: new Set<number>(), 6: new Set<number>() },
    exceptedNetworks: { 4: new Set<number>(), 6: new Set<number>() },
  };
  for (const { lengths } of owned) for (const one of lengths) shape[one.of][one.family].add(one.length);
  return shape;
}

/** The sets of a table of the same shape, with these parts: those whose elements are the same objects stay as they are. */
function assemble(
  before: Pick<Compiled, 'table' | 'parts'>,
  parts: ReadonlyMap<string, Part>,
): ReadonlyMap<string, SetPlan> {
  const changed = new Map<string, Map<string, ReadonlySet<string>>>();
  const put = (name: string, key: string, elements: ReadonlySet<string> | undefined): void => {
    const set = changed.get(name) ?? new Map(before.table.sets.get(name)?.parts);
    changed.set(name, set);
    if (elements === undefined) set.delete(key);
    else set.set(key, elements);
  };
  for (const [key, { sets }] of before.parts) {
    const now = parts.get(key)?.sets;
    if (now !== sets) for (const name of sets.keys()) if (!now?.has(name)) put(name, key, undefined);
  }
  for (const [key, { sets }] of parts) {
    const there = before.parts.get(key)?.sets;
    if (there === sets) continue;
    for (const [name, elements] of sets) if (there?.get(name) !== elements) put(name, key, elements);
  }
  if (changed.size === 0) return before.table.sets;
  const all = new Map(before.table.sets);
  for (const [name, held] of changed) {
    const set = all.get(name);
    if (set !== undefined) all.set(name, { ...set, parts: held });
  }
  return all;
}

/** The gate: every remote that is blocked address by address, whoever it is blocked for. */
function gate(of: readonly Part[], known: Part | undefined): Part {
  const sets = FAMILIES.map((family) => {
    const name = setName('r', family);
    return [
      name,
      unionOf(
        of.map(({ remotes }) => remotes[family]),
        known?.sets.get(name),
      ),
    ] as const;
  });
  const remotes = { 4: new Set<string>(), 6: new Set<string>() };
  return { from: [], rounds: '', sets: new Map(sets), lengths: [], remotes, refused: 0 };
}

/** Sets with the members that they had before are the same objects. */
function filled(
  from: readonly object[],
  rounds: string,
  fill: (into: Filling) => void,
  known: Part | undefined,
): Part {
  const filling = new Filling();
  fill(filling);
  const { lengths, remotes, refused } = filling;
  const kept = (set: ReadonlySet<string>, there: ReadonlySet<string> | undefined): ReadonlySet<string> =>
    there !== undefined && sameMembers(there, set) ? there : set;
  return {
    from,
    rounds,
    sets: new Map([...filling.sets].map(([name, set]) => [name, kept(set, known?.sets.get(name))])),
    lengths: [...lengths.values()],
    remotes: { 4: kept(remotes[4], known?.remotes[4]), 6: kept(remotes[6], known?.remotes[6]) },
    refused,
  };
}
