import { changedSets, elementLines, whole } from './plan.ts';
import type { Table } from './table.ts';

/** What the text of a table (`whole`) becomes another one by. */
export interface TableChange {
  /** All of the text but its elements; absent where none of that has changed. */
  readonly frame?: string | undefined;
  /** Elements that come and go, as commands of nft(8). */
  readonly elements: string;
}

/** What leads from one table to another of the same name; undefined when they are the same. */
export function tableChange(now: Table, want: Table, name: string): TableChange | undefined {
  if (now === want) return undefined;
  const { made, gone, changed } = changedSets(now, want);
  const lines = changed.flatMap(({ name: set, added, removed }) => [
    ...elementLines('delete', set, removed, name),
    ...elementLines('add', set, added, name),
  ]);
  const same = made.length + gone.length === 0 && sameChains(now, want);
  if (same && lines.length === 0) return undefined;
  return { ...(same ? {} : { frame: text(frameOf(want, name)) }), elements: text(lines) };
}

/** The text of a table after these changes, one after the other. Lines that it cannot read are passed over. */
export function changedTable(before: string, changes: readonly TableChange[]): string {
  let frame: string | undefined;
  const moved = new Map<string, Map<string, 'add' | 'delete'>>();
  for (const change of changes) {
    frame = change.frame ?? frame;
    for (const { verb, set, elements } of change.elements.split('\n').flatMap(elementsIn)) {
      const ofSet = moved.get(set) ?? new Map<string, 'add' | 'delete'>();
      moved.set(set, ofSet);
      for (const one of elements) ofSet.set(one, verb);
    }
  }
  const lines = before.trimEnd().split('\n');
  const name = /^add table (.*)$/.exec(lines[0] ?? '')?.[1] ?? '';
  const [elements, others]: [string[], string[]] = [[], []];
  for (const line of lines) (ELEMENT.test(line) ? elements : others).push(line);
  const kept = elements.flatMap((line) => {
    const [read] = elementsIn(line);
    const ofSet = moved.get(read?.set ?? '');
    if (read === undefined || ofSet === undefined) return [line];
    return elementLines(
      'add',
      read.set,
      read.elements.filter((one) => !ofSet.has(one)),
      name,
    );
  });
  const come = [...moved].flatMap(([set, ofSet]) =>
    elementLines(
      'add',
      set,
      [...ofSet].flatMap(([one, verb]) => (verb === 'add' ? [one] : [])),
      name,
    ),
  );
  return text([...(frame?.trimEnd().split('\n') ?? others), ...kept, ...come]);
}

const ELEMENT = /^add element /;

function elementsIn(line: string) {
  const [, verb, set, braced] = /^(add|delete) element \S+ \S+ (\S+) \{ (.*) \}$/.exec(line) ?? [];
  if (set === undefined || braced === undefined) return [];
  return [
    { verb: verb === 'add' ? ('add' as const) : ('delete' as const), set, elements: braced.split(', ') },
  ];
}

function frameOf({ sets, chains }: Table, name: string): readonly string[] {
  const empty = new Map([...sets].map(([key, set]) => [key, { ...set, parts: new Map() }]));
  return whole({ sets: empty, chains }, undefined, name);
}

function sameChains({ chains: a }: Table, { chains: b }: Table): boolean {
  if (a === b) return true;
  return (
    a.size === b.size &&
    b.entries().every(([name, { rules }]) => a.get(name)?.rules.join('\n') === rules.join('\n'))
  );
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
