import { familyOf } from '../../../policy/address.ts';
import type { BlockSet, Owner } from '../../../policy/block-set.ts';
import { chainsOf, type Kinds, type Shape } from './chains.ts';
import { Filling, fillOwner, type Length } from './filling.ts';
import { setName } from './names.ts';
import { setsOf } from './sets.ts';
import type { SetPlan, Table } from './table.ts';

/** Elements that come from these objects alone, and in the rounds that the key names. */
interface Part {
  readonly from: readonly object[];
  readonly rounds: string;
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  readonly lengths: readonly Length[];
  readonly remotes: ReadonlySet<string>;
  readonly refused: number;
}

/** A block set as a table, and what the next one takes over from it. */
export interface Compiled {
  readonly table: Table;
  /** Elements of the block set that are no address, prefix or MAC; never handed to a tool. */
  readonly refused: number;
  readonly parts: ReadonlyMap<string, Part>;
}

/**
 * The table of a block set. What did not change since `last` (the same object) is taken over and not looked at again,
 * and a difference is looked for only in the rest.
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
  const parts = new Map<string, Part>();
  const part = (key: string, from: readonly object[], fill: (into: Filling) => void, rounds = ''): Part => {
    const known = options.last?.parts.get(key);
    const same =
      known?.rounds === rounds &&
      known.from.length === from.length &&
      known.from.every((one, i) => one === from[i]);
    const one = known !== undefined && same ? known : filled(from, rounds, fill);
    parts.set(key, one);
    return one;
  };

  const everyone = part('e', [blockSet.everyone], (into) => into.addresses('e', blockSet.everyone.keys()));
  part('h', [blockSet.home], (into) => into.outermost('h', blockSet.home));
  part('u', [blockSet.guard], (into) => into.outermost('u', blockSet.guard));
  part('k', [blockSet.known], (into) => into.addresses('k', blockSet.known));
  if (options.of === 'bridged') {
    part('o', [blockSet.known, blockSet.home], (into) => into.strays(blockSet.known, blockSet.home));
    part('links', [...blockSet.owners.values()], (into) => into.links(blockSet));
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
  part('r', [everyone, ...owned], (into) => {
    const remotes = new Set<string>();
    for (const one of [everyone, ...owned]) for (const remote of one.remotes) remotes.add(remote);
    for (const remote of remotes) into.add(setName('r', familyOf(remote)), remote);
  });

  const shape = shapeOf(options, most, kinds, owned);
  return {
    table: { sets: assemble(shape, parts), chains: chainsOf(shape) },
    refused: parts.values().reduce((sum, one) => sum + one.refused, 0),
    parts,
  };
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
  {
    wan,
    of = 'routed',
    ports = { served: [], members: [] },
  }: Partial<Pick<Shape, 'of' | 'ports'>> & Pick<Shape, 'wan'>,
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

function assemble(shape: Shape, parts: ReadonlyMap<string, Part>): ReadonlyMap<string, SetPlan> {
  const held = new Map<string, Map<string, ReadonlySet<string>>>();
  for (const [key, { sets }] of parts)
    for (const [name, elements] of sets) {
      const of = held.get(name);
      if (of === undefined) held.set(name, new Map([[key, elements]]));
      else of.set(key, elements);
    }
  return new Map(
    [...setsOf(shape)].map(([name, declared]) => [name, { ...declared, parts: held.get(name) ?? new Map() }]),
  );
}

function filled(from: readonly object[], rounds: string, fill: (into: Filling) => void): Part {
  const filling = new Filling();
  fill(filling);
  const { sets, lengths, remotes, refused } = filling;
  return { from, rounds, sets, lengths: [...lengths.values()], remotes, refused };
}
