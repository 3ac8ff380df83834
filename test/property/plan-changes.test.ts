import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Plan, Planned } from '../../src/local/enforce/backend.ts';
import { parseSave } from '../../src/local/enforce/chains-text.ts';
import { compile as compileTable } from '../../src/local/enforce/nft/compile.ts';
import { changedPlan, changeOf } from '../../src/local/enforce/plan-change.ts';
import {
  checksumOf,
  decodeChanges,
  decodeChangesHead,
  encodeChange,
  encodeChangesHead,
  encodePlan,
} from '../../src/local/enforce/plan-format.ts';
import { planOf } from '../../src/local/enforce/plan-text.ts';
import { compile, type Rulebook } from '../../src/local/enforce/rulebook.ts';
import { assignSlots } from '../../src/local/enforce/slots.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { aBlockSet, wans } from '../unit/local/enforce/small-world.ts';

type Compiled = ReturnType<typeof compileTable>;

/** The plans of one agent after each other, as its backends hand them out; tables beside come and go. */
function plansOf(kind: Planned['backend'], wants: readonly BlockSet[], wan: readonly string[]): Planned[] {
  let slots: ReadonlyMap<string, number> = new Map();
  let rulebook: Rulebook | undefined;
  let table: Compiled | undefined;
  let bridge: Compiled | undefined;
  return wants.map((want, n) => {
    bridge = compileTable(want, { wan, last: bridge, of: 'bridged' });
    const beside = n % 4 === 3 ? {} : { bridge: bridge.table };
    if (kind === 'nftables') {
      table = compileTable(want, { wan, last: table });
      return { backend: kind, table: table.table, ...beside };
    }
    slots = assignSlots(slots, want.owners.keys());
    rulebook = compile(want, slots, { wan, last: rulebook });
    return { backend: kind, variant: 'legacy', rulebook, ...beside };
  });
}

const sorted = (text: string): string[] => text.split('\n').filter(Boolean).sort();

/** What the text of a table holds, in whatever order and however many elements to a line. */
function tableOf(text: string | undefined): unknown {
  return text
    ?.split('\n')
    .flatMap((line) => {
      const [, begin, braced] = /^(add element \S+ \S+ \S+) \{ (.*) \}$/.exec(line) ?? [];
      return braced === undefined ? [line] : braced.split(', ').map((one) => `${begin} ${one}`);
    })
    .filter(Boolean)
    .sort();
}

function meaning(plan: Plan): unknown {
  const bridge = tableOf(plan.bridge);
  if (plan.backend === 'nftables') return { bridge, table: tableOf(plan.table) };
  const fill = ({ passing, blocking, known }: (typeof plan.sets)['v4']) =>
    [passing, blocking, known].map(sorted);
  const chains = (text: string) => [...parseSave(text).chains].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    bridge,
    sets: [fill(plan.sets.v4), fill(plan.sets.v6)],
    chains: [chains(plan.chains.v4), chains(plan.chains.v6)],
  };
}

/** Every set is made before anything is put into it, once, and every element is put in once. */
function expectOrder(plan: Plan): void {
  if (plan.backend === 'nftables') return;
  for (const fill of [plan.sets.v4, plan.sets.v6])
    for (const text of [fill.passing, fill.blocking, fill.known]) {
      const lines = text.split('\n').filter(Boolean);
      expect(new Set(lines).size).toBe(lines.length);
      const made = new Set<string>();
      for (const line of lines) {
        const [verb, name = ''] = line.split(' ');
        if (verb === 'create') expect(made.has(name)).toBe(false);
        else expect(made.has(name)).toBe(true);
        made.add(name);
      }
    }
}

const kinds = fc.constantFrom<Planned['backend']>('ipset', 'nftables');
const several = fc.array(aBlockSet, { minLength: 2, maxLength: 5 });

test('a plan and its changes are the newest plan, and cut anywhere the plan of the last whole change', () => {
  fc.assert(
    fc.property(kinds, wans, several, fc.nat(), (kind, wan, wants, seed) => {
      const plans = plansOf(kind, wants, wan);
      const [first] = plans;
      if (first === undefined) return;
      const base = planOf(first);
      const head = encodeChangesHead({ plan: checksumOf(encodePlan(base)) ?? '', generation: 1 });
      expect(decodeChangesHead(head)).toEqual({ plan: checksumOf(encodePlan(base)), generation: 1 });
      let text = head;
      let before = head;
      const ends = [text.length];
      plans.slice(1).forEach((plan, n) => {
        const { line, sum } = encodeChange(before, changeOf(plans[n] ?? first, plan) ?? {});
        text += line;
        before = sum;
        ends.push(text.length);
      });
      const looked = ends.flatMap((end) => [end, Math.max(head.length, end - 1)]);
      looked.push(head.length + (seed % (text.length - head.length)));
      for (const cut of looked) {
        const { changes, torn } = decodeChanges(text.slice(0, cut));
        expect(changes).toHaveLength(ends.filter((end) => end <= cut).length - 1);
        expect(torn === undefined).toBe(ends.includes(cut));
        const plan = changedPlan(base, changes);
        expectOrder(plan);
        expect(meaning(plan)).toEqual(meaning(planOf(plans[changes.length] ?? first)));
      }
    }),
    { numRuns: 20 },
  );
});

const HEAD = encodeChangesHead({ plan: 'a'.repeat(64), generation: 7 });
const ONE = encodeChange(HEAD, { sets: 'add hedge-R-4 203.0.113.7\n' });
const TWO = encodeChange(ONE.sum, { chains: { v6: '*mangle\nCOMMIT\n' } });

test('cut at every byte, and with every byte another: what is whole before that is used, and the rest is told', () => {
  const text = `${HEAD}${ONE.line}${TWO.line}`;
  const ends = [HEAD, `${HEAD}${ONE.line}`, text].map(({ length }) => length);
  for (let at = 0; at < text.length; at++) {
    const whole = Math.max(0, ends.filter((end) => end <= at).length - 1);
    const cut = decodeChanges(text.slice(0, at));
    expect(cut.changes).toHaveLength(whole);
    expect(cut.torn === undefined).toBe(ends.includes(at));
    const other = decodeChanges(`${text.slice(0, at)}${text[at] === '7' ? '8' : '7'}${text.slice(at + 1)}`);
    expect(other.changes).toHaveLength(whole);
    expect(other.torn).toBeDefined();
  }
});

test('rubbish is told, in the wrong order or twice too, and never an exception', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (rubbish) => {
      expect(decodeChanges(rubbish).changes).toEqual([]);
      expect(decodeChanges(`${HEAD}${ONE.line}${rubbish}`).changes).toHaveLength(1);
      expect(decodeChanges(`${HEAD}${TWO.line}${rubbish}`).changes).toEqual([]);
      expect(decodeChanges(`${HEAD}${ONE.line}${ONE.line}`).changes).toHaveLength(1);
      const table = { elements: rubbish };
      changedPlan({ backend: 'nftables', table: rubbish }, [
        { table, bridge: table, own: { whole: rubbish } },
      ]);
    }),
  );
});
