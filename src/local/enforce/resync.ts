import { canonicalAddress, canonicalPrefix, type Family } from '../../policy/address.ts';
import type { Fill } from './backend.ts';
import { chainsOf } from './chains.ts';
import { addJump, type Found, restoreText, shapeFound } from './chains-text.ts';
import { EXCEPTIONS, isPassing } from './exceptions.ts';
import { ACK_SET, parseSetName, type SetLetter, setName } from './names.ts';
import {
  AFTER_CHAINS,
  BEFORE_CHAINS,
  chainsStep,
  createLine,
  replacement,
  type Step,
  SWAPPED,
  swaps,
  withEmpty,
} from './plan.ts';
import { FAMILIES, type Rulebook, type SetSpec } from './rulebook.ts';
import { type Shape, sameMembers, sharing, union } from './shape.ts';

/** What a look at the kernel showed: every set with its number of elements, and our chains per family. */
export interface Look {
  readonly sizes: ReadonlyMap<string, number>;
  /** How each set was made; without it all are taken to be made as we make them. */
  readonly made?: ReadonlyMap<string, string>;
  readonly found: Readonly<Record<Family, Found>>;
}

/** Reads the output of `ipset list -t`: the number of elements of each set, foreign ones included. */
export function parseSizes(text: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  let name = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('Name: ')) {
      name = line.slice(6);
      sizes.set(name, 0);
    } else if (line.startsWith('Number of entries: ') && name !== '') sizes.set(name, Number(line.slice(19)));
  }
  return sizes;
}

/** Reads the same output: each set's type and options, without those that the kernel chooses. */
export function parseMade(text: string): ReadonlyMap<string, string> {
  const made = new Map<string, string>();
  const head = /^Name: (\S+)\nType: (\S+)\n(?:Revision: .*\n)?Header: (.*)$/gm;
  for (const [, name = '', type = '', header = ''] of text.matchAll(head)) {
    const options = header.replace(/ ?\b(hashsize|bucketsize|initval) \S+/g, '');
    made.set(name, `${type} ${options}`);
  }
  return made;
}

/**
 * Our sets that were made otherwise than we make them, by an older version or a newer one, or by somebody else: with other
 * counters or another size. `create` refuses those. (A version that needs another type gives it another letter.)
 */
export function madeOtherwise({ made = new Map() }: Look): readonly string[] {
  return [...made].flatMap(([name, how]) => {
    const parts = parseSetName(name);
    if (parts === undefined || parts.temporary) return [];
    return createLine(name, { ...parts, elements: new Set() }) === `create ${name} ${how}` ? [] : [name];
  });
}

/** Reads the output of `ipset save`: the elements of each set that has any, without their counters. */
export function parseElements(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const sets = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [, name, element] = /^(?:ipset> )*add (\S+) (\S+)/.exec(line) ?? [];
    if (name === undefined || element === undefined) continue;
    const elements = sets.get(name) ?? new Set();
    sets.set(name, elements.add(element));
  }
  return sets;
}

/**
 * First half of a resync: whatever the kernel holds of ours, it blocks the wanted as well afterwards, and nothing that
 * was blocked and shall be blocked passes on the way. Existing elements keep their counters. Sets are lines for
 * `ipset -exist restore`, chains whole, with the jump. `held` is what the kernel's sets hold (those of `isRead`).
 * Whose exceptions and known addresses were is not told, so what is not wanted goes first; a new exception comes with the
 * second half. The guard goes the way that it goes in a change (`swaps`). What was made otherwise is made anew first,
 * with the elements that it has.
 */
export function widen(
  want: Rulebook,
  look: Look,
  held: ReadonlyMap<string, ReadonlySet<string>>,
): { readonly steps: readonly Step[]; readonly between: Shape } {
  const both = FAMILIES.reduce((all, family) => union(shapeFound(look.found[family]), all), want.shape);
  // Whose the addresses in the kernel were is not known: until the sets are right every owner is asked.
  const shape = sharing(both, () => true);
  const sets = withEmpty(want.sets, shape);
  const leftOver = [...look.sizes.keys()].filter((name) => parseSetName(name)?.temporary);
  let rules = 0;
  const texts = new Map<Family, string>();
  for (const family of FAMILIES) {
    const chains = chainsOf(shape, family);
    const { chains: there, jumps } = look.found[family];
    const gone = [...there.keys()].filter((name) => !chains.has(name));
    texts.set(family, addJump(restoreText({ chains, gone }), jumps));
    for (const lines of chains.values()) rules += lines.length;
  }
  const prepared = [
    ...leftOver.map((name) => `destroy ${name}`),
    ...madeOtherwise(look).flatMap((name) => remade(name, sets, held)),
    ...[...sets].map(([name, set]) => createLine(name, set)),
    ...surplusPassing(sets, held),
    ...additions(BEFORE_CHAINS, sets),
  ];
  const swapped = [...sets].filter(([, { letter }]) => SWAPPED.includes(letter));
  const filled = [
    ...additions(AFTER_CHAINS, sets),
    ...swaps(swapped, (name) => canonicalPrefixes(held.get(name))).flat(),
    ...additions(['K'], sets),
  ];
  // As long as nothing leads to our chains all sets are filled first: then the whole comes into force at once.
  const idle = FAMILIES.every((family) => look.found[family].jumps.length === 0);
  const chains: Step = { kind: 'chains', texts, rules };
  const steps: readonly Step[] = idle
    ? [{ kind: 'sets', lines: [...prepared, ...filled, ...additions(EXCEPTIONS, sets)] }, chains]
    : [{ kind: 'sets', lines: prepared }, chains, { kind: 'sets', lines: filled }];
  return { between: shape, steps };
}

function remade(
  name: string,
  sets: Rulebook['sets'],
  held: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const set = sets.get(name);
  return set === undefined ? [] : replacement(name, { ...set, elements: held.get(name) ?? new Set() });
}

/**
 * Exceptions and known addresses in the kernel that are not wanted. Where the slot's addresses are not those of the kernel all
 * of its exceptions are: they would let pass for a new address what only others were to stop, or for an old one.
 */
function surplusPassing(sets: Rulebook['sets'], held: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const lines: string[] = [];
  for (const [name, elements] of held) {
    const set = sets.get(name);
    if (set === undefined || !isPassing(name)) continue;
    const canonical = set.letter === 'an' ? canonicalPrefix : canonicalAddress;
    const all = set.index !== undefined && !sameOwner(set.index, sets, held);
    for (const element of elements)
      if (all || !set.elements.has(canonical(element) ?? '')) lines.push(`del ${name} ${element}`);
  }
  return lines;
}

function sameOwner(
  slot: number,
  sets: Rulebook['sets'],
  held: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  return FAMILIES.every((family) => {
    const name = setName('d', family, slot);
    const there = [...(held.get(name) ?? [])].flatMap((one) => canonicalAddress(one) ?? []);
    return sameMembers(new Set(there), sets.get(name)?.elements ?? new Set());
  });
}

/** Prefixes as we write them: the kernel prints those of full length without it. */
function canonicalPrefixes(printed: Iterable<string> = []): ReadonlySet<string> {
  return new Set([...printed].flatMap((one) => canonicalPrefix(one) ?? []));
}

/**
 * Second half, after a second look: what is not wanted goes. A set that now has as many elements as wanted is right
 * and keeps its counters; one that has more is filled anew under a temporary name and swapped.
 * `missing` names sets that have fewer than wanted: the widening failed.
 */
export function narrow(
  want: Rulebook,
  between: Shape,
  sizes: ReadonlyMap<string, number>,
): { readonly steps: readonly Step[]; readonly missing: readonly string[] } {
  const lacking = [...want.sets].filter(([name, set]) => (sizes.get(name) ?? -1) < set.elements.size);
  const isLate = ({ letter }: SetSpec): boolean => EXCEPTIONS.includes(letter);
  const missing = lacking.filter(([name, set]) => !isLate(set) || !sizes.has(name));
  const all = withEmpty(want.sets, between);
  const surplus = (letters: readonly SetLetter[]): string[] =>
    letters
      .toReversed()
      .flatMap((letter) => [...all].filter(([, set]) => set.letter === letter))
      .filter(([name, set]) => (sizes.get(name) ?? 0) > set.elements.size)
      .flatMap(([name, set]) => replacement(name, set));
  const stale = [...sizes.keys()].filter((name) => isStale(name, want));
  const chains = chainsStep(between, want.shape);
  const late = [
    ...surplus([...EXCEPTIONS, 'K', ...SWAPPED]),
    ...surplus(AFTER_CHAINS),
    ...additions(EXCEPTIONS, new Map(lacking)),
  ];
  const early = [...surplus(BEFORE_CHAINS), ...stale.map((name) => `destroy ${name}`)];
  const steps: Step[] =
    chains.length === 0
      ? [{ kind: 'sets', lines: [...late, ...early] }]
      : [{ kind: 'sets', lines: late }, ...chains, { kind: 'sets', lines: early }];
  return {
    missing: missing.map(([name]) => name),
    steps: steps.filter((step) => step.kind === 'chains' || step.lines.length > 0),
  };
}

/** Everything of ours out of the kernel: the chains' texts per family, then the lines for the sets. */
export function removal(look: Look): {
  readonly texts: ReadonlyMap<Family, string>;
  readonly lines: readonly string[];
} {
  const texts = new Map<Family, string>();
  for (const family of FAMILIES) {
    const { chains, jumps } = look.found[family];
    if (chains.size === 0) continue;
    texts.set(family, restoreText({ chains: new Map(), gone: [...chains.keys()], unhook: jumps.length }));
  }
  const ours = [...look.sizes.keys()].filter((name) => name === ACK_SET || parseSetName(name) !== undefined);
  return { texts, lines: ours.map((name) => `destroy ${name}`) };
}

/** What makes and fills the sets of a rulebook of one family. */
export function fillOf({ sets }: Rulebook, family: Family): Fill {
  const text = (letters: readonly SetLetter[]): string => {
    const mine = new Map(
      [...sets].filter(([, set]) => set.family === family && letters.includes(set.letter)),
    );
    const made = [...mine].map(([name, set]) => createLine(name, set));
    return [...made, ...additions(letters, mine), ''].join('\n');
  };
  return {
    passing: text([...SWAPPED, ...EXCEPTIONS]),
    blocking: text([...BEFORE_CHAINS, ...AFTER_CHAINS]),
    known: text(['K']),
  };
}

function additions(letters: readonly SetLetter[], sets: Rulebook['sets']): string[] {
  const lines: string[] = [];
  for (const letter of letters) {
    for (const [name, set] of sets) {
      if (set.letter === letter) for (const element of set.elements) lines.push(`add ${name} ${element}`);
    }
  }
  return lines;
}

/** A set of ours that is not wanted. Names are made anew from their parts, so that `hedge-d01-4` is never ours. */
function isStale(name: string, want: Rulebook): boolean {
  const parts = parseSetName(name);
  if (parts === undefined || parts.temporary || want.sets.has(name)) return false;
  return name === setName(parts.letter, parts.family, parts.index);
}
