import type { Family } from '../../policy/address.ts';
import { chainsOf } from './chains.ts';
import { restoreText } from './chains-text.ts';
import { type SetLetter, setName } from './names.ts';
import { FAMILIES, type Rulebook, type SetSpec, type Shape, type SlotShape } from './rulebook.ts';
import { groupOf } from './slots.ts';

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
 * Widening runs in this order with the chains at the gap, narrowing in reverse. So whatever both the old and the new
 * rulebook block stays blocked at every step, also when an address passes from one owner to another: what a rule leads
 * to is there before the rule, an address enters a group (g) once its owner's own set (d) has it, and becomes known
 * (K: no longer looked up by its MAC) only once it is an owner's (L).
 */
export const BEFORE_CHAINS: readonly SetLetter[] = ['U', 'H', 'r', 'E', 'R'];
export const AFTER_CHAINS: readonly SetLetter[] = ['d', 'g', 'L', 'K'];

/** So many owners that are gone may keep their chains, so that an owner that comes and goes costs no new chains. */
const LINGER = 16;

/**
 * The steps from `now`, which the kernel is known to hold, to `want`. Without new chains it is one step. With new ones
 * the chains first become those of both, then the sets narrow, then the chains do.
 */
export function diff(now: Rulebook, want: Rulebook): Change {
  const moved = movedKeys(now, want);
  const linger = moved.size === 0 && lingers(now.shape, want.shape);
  const shape = linger ? now.shape : want.shape;
  const between = linger
    ? now.shape
    : sharing(union(alive(now), want.shape), (slot) => holdsOne(moved, slot, now, want));
  const reached: Rulebook = { sets: withEmpty(want.sets, shape), shape, refused: want.refused };
  const kept = linger ? reached.sets : withEmpty(reached.sets, between);

  const created = [...kept]
    .filter(([name]) => !now.sets.has(name))
    .map(([name, set]) => createLine(name, set));
  const add = (letters: readonly SetLetter[]): string[] => difference('add', letters, kept, now.sets);
  const del = (letters: readonly SetLetter[]): string[] =>
    difference('del', letters.toReversed(), now.sets, kept);
  const [addEarly, addLate] = [add(BEFORE_CHAINS), add(AFTER_CHAINS)];
  const [delLate, delEarly] = [del(AFTER_CHAINS), del(BEFORE_CHAINS)];
  const destroyed = [...now.sets.keys(), ...kept.keys()].filter((name) => !reached.sets.has(name));
  const widened = chainsStep(now.shape, between);
  const narrowed = chainsStep(between, shape);
  return {
    steps: joined([
      { kind: 'sets', lines: [...created, ...addEarly] },
      ...widened,
      { kind: 'sets', lines: [...addLate, ...delLate] },
      ...narrowed,
      { kind: 'sets', lines: [...delEarly, ...new Set(destroyed).values().map((name) => `destroy ${name}`)] },
    ]),
    reached,
    elements: addEarly.length + addLate.length + delLate.length + delEarly.length,
    rules: [...widened, ...narrowed].reduce((sum, step) => sum + step.rules, 0),
  };
}

/** The shape whose chains ask for the owners of both; of a slot in both it has the MACs of both. */
export function union(a: Shape, b: Shape): Shape {
  const slots = new Map<number, SlotShape>(a.slots);
  for (const [slot, mine] of b.slots) {
    const other = slots.get(slot);
    slots.set(slot, {
      macs: new Set([...mine.macs, ...(other?.macs ?? [])]),
      shared: mine.shared || (other?.shared ?? false),
    });
  }
  return { wan: b.wan, slots };
}

/** The shape in which the slots that `shared` names ask on after their own chain, so that no owner hides another. */
export function sharing(shape: Shape, shared: (slot: number) => boolean): Shape {
  const slots = [...shape.slots].map(
    ([slot, one]) => [slot, { ...one, shared: one.shared || shared(slot) }] as const,
  );
  return { wan: shape.wan, slots: new Map(slots) };
}

/** Addresses and MACs that were one owner's and become another's. */
function movedKeys(now: Rulebook, want: Rulebook): ReadonlySet<string> {
  const held = new Map<string, number>();
  for (const [key, slot] of keysOf(now)) held.set(key, slot);
  const moved = new Set<string>();
  for (const [key, slot] of keysOf(want)) if ((held.get(key) ?? slot) !== slot) moved.add(key);
  return moved;
}

function* keysOf({ sets, shape }: Rulebook): Generator<readonly [key: string, slot: number]> {
  for (const [slot, { macs }] of shape.slots) {
    for (const mac of macs) yield [mac, slot];
    for (const family of FAMILIES)
      for (const address of sets.get(setName('d', family, slot))?.elements ?? []) yield [address, slot];
  }
}

function holdsOne(keys: ReadonlySet<string>, slot: number, ...rulebooks: readonly Rulebook[]): boolean {
  if (keys.size === 0) return false;
  return rulebooks.some((rulebook) => keysOf(rulebook).some(([key, of]) => of === slot && keys.has(key)));
}

/** The sets that chains of this shape refer to, those that are not wanted for themselves empty. */
export function withEmpty(sets: Rulebook['sets'], shape: Shape): Rulebook['sets'] {
  const missing: [string, SetSpec][] = [];
  const want = (letter: SetLetter, index: number): void => {
    for (const family of FAMILIES) {
      const name = setName(letter, family, index);
      if (!sets.has(name)) missing.push([name, { letter, family, elements: new Set() }]);
    }
  };
  for (const slot of shape.slots.keys()) {
    // A slot has all of its sets or none.
    if (sets.has(setName('d', 6, slot))) continue;
    want('r', slot);
    want('d', slot);
    want('g', groupOf(slot));
  }
  return missing.length === 0 ? sets : new Map([...sets, ...missing]);
}

/** The command that makes a set. Only sets whose elements a drop rule matches count. */
export function createLine(name: string, { letter, family }: SetSpec): string {
  const type = letter === 'H' || letter === 'U' ? 'hash:net' : 'hash:ip';
  const counters = letter === 'r' || letter === 'E' ? ' counters' : '';
  return `create ${name} ${type} family ${family === 4 ? 'inet' : 'inet6'} maxelem 1048576${counters}`;
}

/** The chains of the old shape may stay: they do all that the new ones would, and few of them are idle. */
export function lingers(now: Shape, want: Shape): boolean {
  const idle = [...now.slots].filter(([slot]) => !want.slots.has(slot));
  if (idle.length > LINGER || now.wan.join(' ') !== want.wan.join(' ')) return false;
  const idleMacs = new Set(idle.flatMap(([, { macs }]) => [...macs]));
  for (const [slot, { macs, shared }] of want.slots) {
    const there = now.slots.get(slot);
    if (there === undefined || there.shared !== shared || there.macs.size !== macs.size) return false;
    for (const mac of macs) if (!there.macs.has(mac) || idleMacs.has(mac)) return false;
  }
  return true;
}

/** The shape without the slots of owners that were gone before. */
function alive({ shape, sets }: Rulebook): Shape {
  const empty = (letter: SetLetter, slot: number): boolean =>
    FAMILIES.every((family) => (sets.get(setName(letter, family, slot))?.elements.size ?? 0) === 0);
  const slots = [...shape.slots].filter(([slot]) => !(empty('d', slot) && empty('r', slot)));
  return { wan: shape.wan, slots: new Map(slots) };
}

/** Commands for the elements that `a` has and `b` lacks, sets in the order of their letters. */
function difference(
  verb: 'add' | 'del',
  letters: readonly SetLetter[],
  a: Rulebook['sets'],
  b: Rulebook['sets'],
): string[] {
  const lines = new Map<SetLetter, string[]>(letters.map((letter) => [letter, []]));
  for (const [name, { letter, elements }] of a) {
    const mine = lines.get(letter);
    if (mine === undefined) continue;
    const other = b.get(name)?.elements;
    for (const element of elements) if (!other?.has(element)) mine.push(`${verb} ${name} ${element}`);
  }
  return [...lines.values()].flat();
}

/** Only the chains that differ are written; each family's text is one transaction. */
export function chainsStep(now: Shape, want: Shape): Extract<Step, { kind: 'chains' }>[] {
  if (now === want) return [];
  const texts = new Map<Family, string>();
  let rules = 0;
  for (const family of FAMILIES) {
    const old = chainsOf(now, family);
    const next = chainsOf(want, family);
    const changed = new Map(
      [...next].filter(([name, lines]) => old.get(name)?.join('\n') !== lines.join('\n')),
    );
    const gone = [...old.keys()].filter((name) => !next.has(name));
    if (changed.size + gone.length > 0) texts.set(family, restoreText({ chains: changed, gone }));
    for (const lines of changed.values()) rules += lines.length;
  }
  return texts.size === 0 ? [] : [{ kind: 'chains', texts, rules }];
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
