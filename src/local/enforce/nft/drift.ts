import type { Drift } from '../backend.ts';
import { BASE } from './names.ts';
import { type Found, type FoundChain, ownWriting } from './read.ts';
import { elementsOf, type SetPlan, sizeOf, type Table } from './table.ts';

/** The chains as they were found right after they had been written. */
export type Baseline = ReadonlyMap<string, FoundChain>;

/**
 * Where the table in the kernel differs from the plan. The rules' own text differs between versions of the tool, so each
 * chain is compared by the number of its rules and, where they were looked at before, by their handles. A `thorough`
 * comparison takes in the elements of the sets.
 */
export function driftOf(
  table: Table,
  found: Found | undefined,
  baseline: Baseline | undefined,
  thorough: boolean,
): readonly Drift[] {
  if (found === undefined || !found.there)
    return [{ what: 'jump', name: BASE, detail: 'the table is missing' }];
  const drift: Drift[] = [];
  for (const [name, { hook, rules }] of table.chains) {
    const what = hook === undefined ? 'chain' : 'jump';
    const there = found.chains.get(name);
    const before = baseline?.get(name);
    if (there === undefined) drift.push({ what, name, detail: 'missing' });
    else if (there.rules.length !== rules.length) drift.push({ what, name, detail: 'other rules' });
    else if (before !== undefined && !sameChain(before, there))
      drift.push({ what, name, detail: 'other rules' });
  }
  for (const name of found.chains.keys())
    if (!table.chains.has(name)) drift.push({ what: 'chain', name, detail: 'not ours' });
  for (const name of found.sets.keys())
    if (!table.sets.has(name)) drift.push({ what: 'set', name, detail: 'not ours' });
  for (const [name, set] of table.sets) {
    const elements = found.sets.get(name);
    if (elements === undefined) drift.push({ what: 'set', name, detail: 'missing' });
    else if (isCounting(set) || !thorough) continue;
    else if (!sameElements(set, elements))
      drift.push({
        what: 'set',
        name,
        detail: detailOf(elements.length, sizeOf(set)),
      });
  }
  return drift;
}

function detailOf(there: number, wanted: number): string {
  return there === wanted ? 'other elements' : `${there} elements instead of ${wanted}`;
}

/** What counting sets hold is not ours to say. */
export function isCounting(set: SetPlan): boolean {
  return set.declared.includes('flags dynamic');
}

function sameChain(a: FoundChain, b: FoundChain): boolean {
  return (
    a.hook === b.hook && a.rules.length === b.rules.length && a.rules.every((rule, i) => rule === b.rules[i])
  );
}

function sameElements(set: SetPlan, elements: readonly string[]): boolean {
  if (elements.length !== sizeOf(set)) return false;
  const interval = set.declared.includes('flags interval');
  const ours = new Set(elementsOf(set));
  return elements.every((element) => ours.has(element) || ours.has(ownWriting(element, interval)));
}
