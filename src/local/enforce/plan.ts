import type { Family } from '../../policy/address.ts';
import { chainsOf } from './chains.ts';
import { restoreText } from './chains-text.ts';
import { blocksIn, EXCEPTIONS } from './exceptions.ts';
import { movedKeys, slotsOf } from './keys.ts';
import { type SetLetter, setName, temporaryName } from './names.ts';
import { common } from './prefix-index.ts';
import { FAMILIES, type Rulebook, type SetSpec } from './rulebook.ts';
import {
  exceptingLike,
  isWide,
  lingers,
  type Shape,
  sameMembers,
  sameShape,
  sharing,
  union,
} from './shape.ts';
import { groupOf } from './slots.ts';
import { lacking } from './union.ts';

/** One thing to do and to see acknowledged before the next. */
export type Step =
  | { readonly kind: 'sets'; readonly lines: readonly string[] }
  | { readonly kind: 'chains'; readonly texts: ReadonlyMap<Family, string>; readonly rules: number };

/** The way from one rulebook to another. */
export interface Change {
  readonly steps: readonly Step[];
  /** What the kernel holds afterwards: what was wanted, and perhaps chains of owners that are gone, with empty sets. */
  readonly reached: Rulebook;
  readonly elements: number;
  readonly rules: number;
}

/**
 * The promise: whatever both the old and the new rulebook block stays blocked at every step. And as long as every packet
 * keeps its owner and H and U stay as they are (or nothing but one of them changes), what neither blocks is never blocked on
 * the way, but for excepted networks that are partly blocked already. The property tests hold both. The order follows;
 * adding goes down these lists, removing up:
 *
 * - an address enters a group (g, w) once its owner's own set (d) has it, and is an owner's (L, W) only then;
 * - H and U change at once, by a swap, between the two: `internet` begins where `lan` ends;
 * - an address is known (K: no longer looked up by its MAC) only after that, and forgotten before anything else;
 * - an exception that may come early is there before E, n, internet and lan, and `an` after r and E, which beat it.
 *
 * Chains change in the gaps, to those of both and then to the new ones: what a rule leads to is there before the rule.
 */
export const BEFORE_CHAINS: readonly SetLetter[] = ['r', 'E', 'R'];
export const AFTER_CHAINS: readonly SetLetter[] = ['n', 'd', 'w', 'W', 'g', 'L'];
export const SWAPPED: readonly SetLetter[] = ['H', 'U'];

/**
 * The steps from `now`, which the kernel is known to hold, to `want`. Without new chains it is one step. With new ones
 * the chains first become those of both, then the sets narrow, then the chains do.
 */
export function diff(now: Rulebook, want: Rulebook): Change {
  const moved = movedKeys(now, want);
  const linger = moved.size === 0 && lingers(now.shape, want.shape);
  const last = linger ? now.shape : want.shape;
  const involved = slotsOf(moved, now, want);
  const both = linger ? now.shape : sharing(union(alive(now), last), (slot) => involved.has(slot));
  const reached: Rulebook = { ...want, sets: withEmpty(want.sets, last, want.shape), shape: last };
  const kept = linger ? reached.sets : withEmpty(reached.sets, both, last);

  const created = [...kept].filter(([name]) => !now.sets.has(name));
  const destroyed = new Set([...now.sets.keys(), ...kept.keys()].filter((name) => !reached.sets.has(name)));
  const [gains, losses] = [surplus(kept, now.sets), surplus(now.sets, kept)];
  const add = (letters: readonly SetLetter[], which?: Which): string[] => lines('add', letters, gains, which);
  const del = (letters: readonly SetLetter[], which?: Which): string[] =>
    lines('del', letters.toReversed(), losses, which);
  const [blockedBefore, blockedAfter] = [blocksIn(now), blocksIn(want)];
  const early: Which = (set, exception) => !blockedBefore(set, exception);
  const late: Which = (set, exception) => !blockedAfter(set, exception);
  const swapped = SWAPPED.flatMap((letter) => FAMILIES.map((family) => setName(letter, family))).flatMap(
    (name): (readonly [string, SetSpec])[] => {
      const [there, set] = [now.sets.get(name)?.elements, kept.get(name)];
      return set === undefined || sameMembers(there ?? new Set(), set.elements) ? [] : [[name, set]];
    },
  );
  const sets = (...of: readonly string[][]): Step => ({ kind: 'sets', lines: of.flat() });
  // What everyone is blocked from meets exceptions whose rule has to be there already, or still.
  const [entering, leaving] = [add(['E']).length > 0, del(['E']).length > 0];
  const first = entering && !linger ? exceptingLike(now.shape, last) : now.shape;
  const rest = leaving && !linger ? exceptingLike(last, now.shape) : last;

  const steps = joined([
    sets(
      created.map(([name, set]) => createLine(name, set)),
      add(['a'], early),
    ),
    ...chainsStep(now.shape, first),
    sets(add(BEFORE_CHAINS), add(['an'], early)),
    ...chainsStep(first, both),
    sets(
      del([...EXCEPTIONS, 'K'], blockedAfter),
      add(AFTER_CHAINS),
      ...swaps(swapped, (name) => now.sets.get(name)?.elements),
      add(['K']),
      del(AFTER_CHAINS),
      add(EXCEPTIONS, blockedBefore),
    ),
    ...chainsStep(both, rest),
    sets(del(['an'], late), del(BEFORE_CHAINS)),
    ...chainsStep(rest, last),
    sets(
      del(['a'], late),
      [...destroyed].map((name) => `destroy ${name}`),
    ),
  ]);
  const ofSets = steps.flatMap((step) => (step.kind === 'sets' ? step.lines : []));
  return {
    steps,
    reached,
    elements: ofSets.filter((line) => /^(add|del) /.test(line)).length,
    rules: steps.reduce((sum, step) => sum + (step.kind === 'chains' ? step.rules : 0), 0),
  };
}

/**
 * The sets that chains of this shape refer to, those that are not wanted for themselves empty. `own` is a shape whose sets are
 * there: what is in both is not looked at.
 */
export function withEmpty(sets: Rulebook['sets'], shape: Shape, own?: Shape): Rulebook['sets'] {
  const missing: [string, SetSpec][] = [];
  const want = (letter: SetLetter, index: number): void => {
    for (const family of FAMILIES) {
      const name = setName(letter, family, index);
      if (!sets.has(name)) missing.push([name, { letter, family, index, elements: new Set() }]);
    }
  };
  for (const [slot, one] of shape.slots) {
    if (one === own?.slots.get(slot)) continue;
    const { kinds } = one;
    for (const letter of ['a', 'an', 'n'] as const) if (kinds.has(letter)) want(letter, slot);
    if (isWide(kinds)) want('w', groupOf(slot));
    want('r', slot);
    want('d', slot);
    want('g', groupOf(slot));
  }
  if (missing.length === 0) return sets;
  const all = new Map(sets);
  for (const [name, set] of missing) all.set(name, set);
  return all;
}

const NETWORKS: ReadonlySet<SetLetter> = new Set(['H', 'U', 'n', 'an']);
const COUNTED: ReadonlySet<SetLetter> = new Set(['r', 'E', 'n']);

/** The kernel's own (ip_set_hash_gen.h); it doubles them as a bucket gets full, and moves what is there each time. */
const BUCKETS = 1024;
const PER_BUCKET = 2;

/**
 * The command that makes a set. Only sets whose elements a drop rule matches count. A large one begins as large as it
 * will be; to the kernel it is the same set whatever it began with.
 */
export function createLine(name: string, { letter, family, elements }: SetSpec): string {
  const type = NETWORKS.has(letter) ? 'hash:net' : 'hash:ip';
  const counters = COUNTED.has(letter) ? ' counters' : '';
  const buckets = 2 ** Math.ceil(Math.log2(elements.size / PER_BUCKET));
  const hashsize = buckets > BUCKETS ? ` hashsize ${buckets}` : '';
  return `create ${name} ${type} family ${family === 4 ? 'inet' : 'inet6'}${hashsize} maxelem 1048576${counters}`;
}

/** The shape without the slots of owners that were gone before. */
function alive({ shape, sets }: Rulebook): Shape {
  const empty = (letter: SetLetter, slot: number): boolean =>
    FAMILIES.every((family) => (sets.get(setName(letter, family, slot))?.elements.size ?? 0) === 0);
  const slots = [...shape.slots].filter(
    ([slot, { kinds }]) => kinds.size > 0 || !(empty('d', slot) && empty('r', slot)),
  );
  return { wan: shape.wan, slots: new Map(slots) };
}

/**
 * H and U in an order in which nothing passes that is blocked before and after: the guard first loses what it will not keep,
 * then the home's prefixes change, then the guard gets what is new. What `held` does not know of is put in whole.
 */
export function swaps(
  sets: readonly (readonly [string, SetSpec])[],
  held: (name: string) => ReadonlySet<string> | undefined,
): string[][] {
  const [narrowed, grown]: [string[][], string[][]] = [[], []];
  for (const [name, set] of sets) {
    if (set.letter !== 'U') continue;
    const there = held(name) ?? new Set();
    const kept = common(there, set.elements);
    if (!sameMembers(kept, there)) narrowed.push(replacement(name, { ...set, elements: kept }));
    if (!sameMembers(kept, set.elements)) grown.push(replacement(name, set));
  }
  const rest = sets.filter(([, { letter }]) => letter !== 'U');
  return [...narrowed, ...rest.map(([name, set]) => replacement(name, set)), ...grown];
}

/** Lines that put other elements into a set at once. It loses its counters. */
export function replacement(name: string, set: SetSpec): string[] {
  const temporary = temporaryName(name);
  const adds = [...set.elements].map((element) => `add ${temporary} ${element}`);
  return [createLine(temporary, set), ...adds, `swap ${temporary} ${name}`, `destroy ${temporary}`];
}

type Which = (set: SetSpec, element: string) => boolean;

/** Elements of a set that it does not have elsewhere. */
interface Surplus {
  readonly name: string;
  readonly set: SetSpec;
  readonly elements: ReadonlySet<string>;
}

/** What the sets of `a` hold and those of `b` do not. Sets that are the same objects are not looked into. */
function surplus(a: Rulebook['sets'], b: Rulebook['sets']): readonly Surplus[] {
  const found: Surplus[] = [];
  for (const [name, set] of a) {
    const other = b.get(name);
    if (other === set) continue;
    const elements = lacking(set.elements, other?.elements);
    if (elements.size > 0) found.push({ name, set, elements });
  }
  return found;
}

/** Commands for these elements, sets in the order of their letters. */
function lines(
  verb: 'add' | 'del',
  letters: readonly SetLetter[],
  among: readonly Surplus[],
  which: Which = () => true,
): string[] {
  const found: string[] = [];
  for (const letter of letters)
    for (const { name, set, elements } of among) {
      if (set.letter !== letter) continue;
      for (const element of elements) if (which(set, element)) found.push(`${verb} ${name} ${element}`);
    }
  return found;
}

/** Only the chains that differ are written; each family's text is one transaction. */
export function chainsStep(now: Shape, want: Shape): Extract<Step, { kind: 'chains' }>[] {
  if (sameShape(now, want)) return [];
  const texts = new Map<Family, string>();
  let rules = 0;
  for (const family of FAMILIES) {
    const old = chainsOf(now, family);
    const next = chainsOf(want, family);
    const changed = new Map([...next].filter(([name, lines]) => !sameLines(old.get(name), lines)));
    const gone = [...old.keys()].filter((name) => !next.has(name));
    if (changed.size + gone.length > 0) texts.set(family, restoreText({ chains: changed, gone }));
    for (const lines of changed.values()) rules += lines.length;
  }
  return texts.size === 0 ? [] : [{ kind: 'chains', texts, rules }];
}

function sameLines(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a?.length === b.length && b.every((line, n) => line === a[n]);
}

/** Neighbouring steps on sets become one, empty ones none. */
function joined(steps: readonly Step[]): Step[] {
  const all: Step[] = [];
  for (const step of steps) {
    const last = all.at(-1);
    if (step.kind === 'sets' && last?.kind === 'sets')
      all[all.length - 1] = { kind: 'sets', lines: [...last.lines, ...step.lines] };
    else if (step.kind === 'chains' || step.lines.length > 0) all.push(step);
  }
  return all;
}
