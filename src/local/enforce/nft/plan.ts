import { TABLE } from './names.ts';
import { type ChainPlan, elementsIn, elementsOf, type SetPlan, type Table } from './table.ts';

/** More elements than this in one command cost the tool memory (200,000: 212 MB). */
const ELEMENTS_A_COMMAND = 500;

/** One transaction: all of its commands come into force at once, or none does. */
export interface Change {
  /** Commands of nft(8), a line each. */
  readonly commands: readonly string[];
  /** Elements added or removed. */
  readonly elements: number;
  /** Rules written. */
  readonly rules: number;
}

/**
 * What leads from one table to another, as one transaction: no order of steps can let a packet pass. `gone` are elements
 * of counting sets that are no longer wanted.
 */
export function diff(
  now: Table,
  want: Table,
  gone: ReadonlyMap<string, readonly string[]> = new Map(),
): Change {
  const sets = changedSets(now, want);
  const chains = changedChains(now, want);
  const commands = [
    ...sets.made.map(([name, set]) => `add ${set.kind} ${TABLE} ${name} { ${set.declared} }`),
    ...chains.written.filter(([name]) => !now.chains.has(name)).map(([name, chain]) => addChain(name, chain)),
    ...chains.written.map(([name]) => `flush chain ${TABLE} ${name}`),
    ...chains.gone.map((name) => `flush chain ${TABLE} ${name}`),
    ...[...gone].flatMap(([name, elements]) =>
      want.sets.has(name) ? elementLines('delete', name, elements) : [],
    ),
    ...sets.changed.flatMap(({ name, removed }) => elementLines('delete', name, removed)),
    ...sets.changed.flatMap(({ name, added }) => elementLines('add', name, added)),
    ...chains.written.flatMap(([name, { rules }]) =>
      rules.map((rule) => `add rule ${TABLE} ${name} ${rule}`),
    ),
    ...sets.gone.map(([name, { kind }]) => `delete ${kind} ${TABLE} ${name}`),
    ...chains.gone.map((name) => `delete chain ${TABLE} ${name}`),
  ];
  return {
    commands,
    elements: sets.changed.reduce((sum, { added, removed }) => sum + added.length + removed.length, 0),
    rules: chains.written.reduce((sum, [, { rules }]) => sum + rules.length, 0),
  };
}

/**
 * The whole table, in place of whatever has its name. `counted` are elements of counting sets, as they were counted so
 * far.
 */
export function whole(want: Table, counted: ReadonlyMap<string, readonly string[]> = new Map()): Change {
  const sets = [...want.sets];
  const commands = [
    // Deleting what is not there is a failure.
    `add table ${TABLE}`,
    removal,
    `add table ${TABLE}`,
    ...sets.map(([name, set]) => `add ${set.kind} ${TABLE} ${name} { ${set.declared} }`),
    ...[...want.chains].map(([name, chain]) => addChain(name, chain)),
    ...sets.flatMap(([name, set]) =>
      elementLines('add', name, [...elementsOf(set), ...(counted.get(name) ?? [])]),
    ),
    ...[...want.chains].flatMap(([name, { rules }]) =>
      rules.map((rule) => `add rule ${TABLE} ${name} ${rule}`),
    ),
  ];
  return { commands, elements: elementsIn(want), rules: ruleCount(want) };
}

/** Takes the table away; fails if there is none. */
export const removal = `delete table ${TABLE}`;

function ruleCount({ chains }: Table): number {
  return chains.values().reduce((sum, { rules }) => sum + rules.length, 0);
}

function addChain(name: string, { hook }: ChainPlan): string {
  return `add chain ${TABLE} ${name}${hook === undefined ? '' : ` { ${hook} }`}`;
}

function elementLines(verb: 'add' | 'delete', set: string, elements: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < elements.length; i += ELEMENTS_A_COMMAND)
    lines.push(`${verb} element ${TABLE} ${set} { ${elements.slice(i, i + ELEMENTS_A_COMMAND).join(', ')} }`);
  return lines;
}

interface ChangedSet {
  readonly name: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

function changedSets(now: Table, want: Table) {
  const made = [...want.sets].filter(([name]) => !now.sets.has(name));
  const gone = [...now.sets].filter(([name]) => !want.sets.has(name));
  const changed: ChangedSet[] = [];
  for (const [name, set] of want.sets) {
    const { added, removed } = changedElements(now.sets.get(name), set);
    if (added.length + removed.length > 0) changed.push({ name, added, removed });
  }
  // Elements of maps that go refer to chains that may go as well.
  for (const [name, set] of gone)
    if (set.kind === 'map') changed.push({ name, added: [], removed: [...elementsOf(set)] });
  return { made, gone, changed };
}

/** An element that leaves one part and comes with another has not moved. */
function changedElements(now: SetPlan | undefined, want: SetPlan): { added: string[]; removed: string[] } {
  const added = new Set<string>();
  const removed = new Set<string>();
  for (const [key, elements] of want.parts) {
    const there = now?.parts.get(key);
    if (there === elements) continue;
    for (const one of elements) if (!there?.has(one)) added.add(one);
  }
  for (const [key, elements] of now?.parts ?? []) {
    const there = want.parts.get(key);
    if (there === elements) continue;
    for (const one of elements) if (!there?.has(one)) removed.add(one);
  }
  return { added: [...added.difference(removed)], removed: [...removed.difference(added)] };
}

function changedChains(now: Table, want: Table) {
  const same = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
    a?.length === b.length && a.every((rule, i) => rule === b[i]);
  return {
    written: [...want.chains].filter(([name, { rules }]) => !same(now.chains.get(name)?.rules, rules)),
    gone: [...now.chains.keys()].filter((name) => !want.chains.has(name)),
  };
}
