import { lacking } from '../union.ts';
import { TABLE } from './names.ts';
import { type ChainPlan, elementsOf, isEmpty, type SetPlan, type Table } from './table.ts';

/** More elements than this in one command cost the tool memory (200,000: 212 MB). */
const ELEMENTS_A_COMMAND = 500;

/** Commands of nft(8), a line each, that come into force at once, or none does. */
export type Transaction = readonly string[];

/** What it takes to get from one table to another. */
export interface Change {
  /** One after the other, each in force before the next; undefined if only a table in place of the other will do. */
  readonly steps: readonly Transaction[] | undefined;
  /** Elements added or removed. */
  readonly elements: number;
  /** Rules written. */
  readonly rules: number;
}

/**
 * What leads from one table to another. A packet that is on its way through the rules while a transaction comes into force
 * may meet a set as it was and the next one as it is, so a transaction either only blocks more or only blocks less: first
 * what blocks comes and what excepts goes, then what excepts comes and what blocks goes. What is blocked before and after
 * is never let through on the way. Where that would block what is blocked neither before nor after (a block that comes
 * with its exceptions), and where a rule, a map's verdict or the home becomes another, there are no steps; but for tables that
 * block nothing, before and after, among them nearly every table for bridges: then nothing can be blocked or let through in
 * between either. `gone` are elements of counting sets that are no longer wanted.
 */
export function diff(
  now: Table,
  want: Table,
  gone: ReadonlyMap<string, readonly string[]> = new Map(),
  table = TABLE,
): Change {
  if (now === want) return { steps: [], elements: 0, rules: 0 };
  const sets = changedSets(now, want);
  const chains = changedChains(now, want);
  const elements = sets.changed.reduce((sum, { added, removed }) => sum + added.length + removed.length, 0);
  const rules = [...chains.more, ...chains.less, ...chains.other].reduce(
    (sum, [, one]) => sum + one.rules.length,
    0,
  );
  const inSteps = (...all: readonly Transaction[]): Change => {
    const [first, ...rest] = all.filter((step) => step.length > 0);
    if (first === undefined) return { steps: [], elements, rules };
    const counted = [...gone].filter(([name]) => want.sets.has(name));
    const stale = counted.flatMap(([name, those]) => elementLines('delete', name, those, table));
    return { steps: [[...stale, ...first], ...rest], elements, rules };
  };
  if (sameButElements(now, want, rules) && blocksNothing(now) && blocksNothing(want)) {
    const all = (verb: 'add' | 'delete', of: 'added' | 'removed'): string[] =>
      sets.changed.flatMap((one) => elementLines(verb, one.name, one[of], table));
    // Not at once: a prefix that comes may hold one that goes, which a set of intervals refuses.
    return inSteps(all('delete', 'removed'), all('add', 'added'));
  }
  if (chains.other.length > 0 || !isSteady(sets.changed)) return { steps: undefined, elements, rules };
  const lines = (verb: 'add' | 'delete', passing: boolean): string[] =>
    sets.changed
      .filter(({ role }) => (role === 'passes') === passing)
      .flatMap(({ name, added, removed }) =>
        elementLines(verb, name, verb === 'add' ? added : removed, table),
      );
  const blocksMore = [
    ...sets.made.map(([name, set]) => `add ${set.kind} ${table} ${name} { ${set.declared} }`),
    ...chains.more
      .filter(([name]) => !now.chains.has(name))
      .map(([name, chain]) => addChain(table, name, chain)),
    ...lines('delete', true),
    ...lines('add', false),
    ...chains.more.flatMap((one) => rewrite(one, table)),
  ];
  const blocksLess = [
    ...chains.less.flatMap((one) => rewrite(one, table)),
    ...chains.gone.map((name) => `flush chain ${table} ${name}`),
    ...lines('delete', false),
    ...lines('add', true),
    ...sets.gone.map(([name, { kind }]) => `delete ${kind} ${table} ${name}`),
    ...chains.gone.map((name) => `delete chain ${table} ${name}`),
  ];
  return inSteps(blocksMore, blocksLess);
}

/** The whole table, in place of whatever has its name. `counted` are elements of counting sets, as they were counted so far. */
export function whole(
  want: Table,
  counted: ReadonlyMap<string, readonly string[]> = new Map(),
  table = TABLE,
): Transaction {
  const sets = [...want.sets];
  return [
    ...removal(table),
    `add table ${table}`,
    ...sets.map(([name, set]) => `add ${set.kind} ${table} ${name} { ${set.declared} }`),
    ...[...want.chains].map(([name, chain]) => addChain(table, name, chain)),
    ...sets.flatMap(([name, set]) =>
      elementLines('add', name, [...elementsOf(set), ...(counted.get(name) ?? [])], table),
    ),
    ...[...want.chains].flatMap(([name, { rules }]) =>
      rules.map((rule) => `add rule ${table} ${name} ${rule}`),
    ),
  ];
}

/**
 * The same table, its sets made with the size that they come to: one that never grows is filled by the kernel in two thirds of the
 * time, and takes no further element. Not intervals, which have ends as well as beginnings, nor what counts and grows by itself.
 */
export function sized(commands: Transaction): Transaction {
  const sizes = new Map<string, number>();
  for (const command of commands) {
    if (!command.startsWith('add element ')) continue;
    const name = nameIn(command);
    sizes.set(name, (sizes.get(name) ?? 0) + command.split(', ').length);
  }
  return commands.map((command) => {
    const size = sizes.get(nameIn(command));
    const grows = size === undefined || !/^add (?:set|map) /.test(command) || command.includes(' flags ');
    return grows ? command : command.replace(/ \}$/, ` size ${size}; }`);
  });
}

/** Of what: the word behind the verb, the kind, the family and the table. */
function nameIn(command: string): string {
  return command.split(' ', 5)[4] ?? '';
}

/** Takes a table away, also if there is none: deleting what is not there is a failure. */
export function removal(table = TABLE): Transaction {
  return [`add table ${table}`, `delete table ${table}`];
}

export function ruleCount({ chains }: Table): number {
  return chains.values().reduce((sum, { rules }) => sum + rules.length, 0);
}

function rewrite([name, { rules }]: readonly [string, ChainPlan], table: string): string[] {
  return [`flush chain ${table} ${name}`, ...rules.map((rule) => `add rule ${table} ${name} ${rule}`)];
}

function addChain(table: string, name: string, { hook }: ChainPlan): string {
  return `add chain ${table} ${name}${hook === undefined ? '' : ` { ${hook} }`}`;
}

/** Commands about elements of one set, so many in each that the tool copes. */
export function elementLines(
  verb: 'add' | 'delete',
  set: string,
  elements: readonly string[],
  table: string,
): string[] {
  const lines: string[] = [];
  for (let i = 0; i < elements.length; i += ELEMENTS_A_COMMAND)
    lines.push(`${verb} element ${table} ${set} { ${elements.slice(i, i + ELEMENTS_A_COMMAND).join(', ')} }`);
  return lines;
}

interface ChangedSet {
  readonly name: string;
  readonly kind: SetPlan['kind'];
  readonly role: Role;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** What more elements do: packets are dropped, or let through; the home, and what is near besides, do both. */
type Role = 'blocks' | 'passes' | 'home';

function roleOf(name: string): Role {
  const [, letter = ''] = /^([a-z]+)[46]/.exec(name) ?? [];
  if (letter === 'h' || letter === 'o') return 'home';
  return ['u', 'k', 'xb', 'a', 'x', 'an', 'am', 'xm', 'anm'].includes(letter) ? 'passes' : 'blocks';
}

/** Sets from which a packet can come to a drop at all: the gate, the maps of wide owners, and what goes by MACs on one link. */
const LEADS_TO_DROPS = /^(?:r|s|d|sm|b|wb)[46]/;

function blocksNothing({ sets }: Table): boolean {
  return sets.entries().every(([name, set]) => !LEADS_TO_DROPS.test(name) || isEmpty(set));
}

function sameButElements(now: Table, want: Table, rules: number): boolean {
  const same = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean =>
    a.size === b.size && a.keys().every((name) => b.has(name));
  return rules === 0 && same(now.sets, want.sets) && same(now.chains, want.chains);
}

/**
 * Whether two transactions will do (see `diff`). Known addresses come and go all the time: they matter to what is blocked
 * by MAC or for everyone alone. What is blocked for everyone, and who is asked about it, must not cross either.
 */
function isSteady(changed: readonly ChangedSet[]): boolean {
  const some = (which: 'added' | 'removed', is: (one: ChangedSet) => boolean): boolean =>
    changed.some((one) => one[which].length > 0 && is(one));
  const blocks = ({ role }: ChangedSet): boolean => role === 'blocks';
  const passes = (one: ChangedSet): boolean => one.role === 'passes' && !known(one);
  const known = ({ name }: ChangedSet): boolean => /^k[46]$/.test(name);
  const everyone = ({ name }: ChangedSet): boolean => /^e[46]$/.test(name);
  const asked = ({ name }: ChangedSet): boolean => /^lm?[46]/.test(name);
  const byMac = (one: ChangedSet): boolean => everyone(one) || /^[a-z]+m[46]/.test(one.name);
  const together = (one: typeof blocks, other: typeof blocks): boolean =>
    (['added', 'removed'] as const).some((which) => some(which, one) && some(which, other));
  const crossed = (one: typeof blocks, other: typeof blocks): boolean =>
    (some('added', one) && some('removed', other)) || (some('removed', one) && some('added', other));
  if (changed.some(({ role }) => role === 'home') || crossed(passes, passes)) return false;
  if (changed.some(({ kind, added, removed }) => kind === 'map' && added.length > 0 && removed.length > 0))
    return false;
  return !together(blocks, passes) && !together(known, byMac) && !crossed(everyone, asked);
}

/** Sets that come, that go, and elements that do; a set that goes loses all of its own. */
export function changedSets(now: Table, want: Table) {
  const made = [...want.sets].filter(([name]) => !now.sets.has(name));
  const gone = [...now.sets].filter(([name]) => !want.sets.has(name));
  const changed: ChangedSet[] = [];
  for (const [name, set] of want.sets) {
    const there = now.sets.get(name);
    if (there === set) continue;
    const { added, removed } = changedElements(there, set);
    const { kind } = set;
    if (added.length + removed.length > 0) changed.push({ name, kind, role: roleOf(name), added, removed });
  }
  // Elements of maps that go refer to chains that may go as well.
  for (const [name, set] of gone)
    changed.push({ name, kind: set.kind, role: roleOf(name), added: [], removed: [...elementsOf(set)] });
  return { made, gone, changed };
}

/** An element that leaves one part and comes with another has not moved. */
function changedElements(now: SetPlan | undefined, want: SetPlan): { added: string[]; removed: string[] } {
  const added = surplus(want, now);
  const removed = now === undefined ? new Set<string>() : surplus(now, want);
  return { added: [...added.difference(removed)], removed: [...removed.difference(added)] };
}

/** What parts of one set hold and those of the other in the same place do not. */
function surplus(a: SetPlan, b: SetPlan | undefined): Set<string> {
  const found = new Set<string>();
  for (const [key, elements] of a.parts) {
    const there = b?.parts.get(key);
    if (there === elements) continue;
    for (const one of lacking(elements, there)) found.add(one);
  }
  return found;
}

/** Chains that are new or only longer, only shorter, or other ones; and those that go. */
function changedChains(now: Table, want: Table) {
  const more: [string, ChainPlan][] = [];
  const less: [string, ChainPlan][] = [];
  const other: [string, ChainPlan][] = [];
  if (now.chains === want.chains) return { more, less, other, gone: [] };
  for (const [name, chain] of want.chains) {
    const before = now.chains.get(name)?.rules ?? [];
    const { rules } = chain;
    const [inAfter, inBefore] = [isWithin(before, rules), isWithin(rules, before)];
    if (inAfter && inBefore && now.chains.has(name)) continue;
    (inAfter ? more : inBefore ? less : other).push([name, chain]);
  }
  return { more, less, other, gone: [...now.chains.keys()].filter((name) => !want.chains.has(name)) };
}

/** True if the first has nothing that the second has not, in the same order. */
function isWithin(few: readonly string[], many: readonly string[]): boolean {
  let at = 0;
  for (const one of many) if (one === few[at]) at += 1;
  return at === few.length;
}
