import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Record, Subject } from '../../src/policy/records.ts';
import { pastHouse, state, undoing } from '../unit/control/past.ts';
import type { House } from '../unit/control/two-devices.ts';

/** A change: how many of the live records it retires (by place), and what it adds. */
const change = fc.record({
  over: fc.array(fc.nat(20), { maxLength: 3 }),
  add: fc.array(
    fc.record({
      kind: fc.constantFrom('block', 'allow', 'ignore', 'in', 'name', 'same', 'distinct'),
      far: fc.nat(2),
      reason: fc.option(fc.constantFrom('homework', 'late'), { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
});

function recordOf(
  parts: House,
  { kind, far, reason }: { kind: string; far: number; reason: string | undefined },
): Record {
  const node: Subject = { kind: 'device', id: far === 0 ? parts.tv : parts.phone };
  const b: Subject = { kind: 'domain', domain: `n${far}.example` };
  switch (kind) {
    case 'block':
      return { kind, a: node, b, terms: { reason }, apart: [] };
    case 'allow':
      return { kind, a: node, b, terms: { reason } };
    case 'ignore':
      return { kind, node };
    case 'in':
      return { kind, group: `group ${far}`, node };
    case 'name':
      return { kind, of: node, text: reason ?? 'telly' };
    default:
      return { kind: kind === 'same' ? 'same' : 'distinct', x: parts.tv, y: parts.phone };
  }
}

describe('undo', { timeout: 30_000 }, () => {
  it('of n changes, at once or one by one, leads to what was wanted before them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat(7),
        fc.boolean(),
        async (changes, n, atOnce) => {
          const parts = pastHouse();
          const states = [state(parts)];
          for (const { over, add } of changes) {
            const live = [...parts.replica.live.values()];
            const records = add.map((each) => recordOf(parts, each));
            // A name retires those that its author saw: two changes of one op do not name one thing.
            const named = new Set<string>();
            const added = records.filter((record) => {
              if (record.kind !== 'name') return true;
              const key = JSON.stringify(record.of);
              return named.has(key) ? false : named.add(key);
            });
            const retired = live
              .filter(
                ({ record }, at) =>
                  over.includes(at) || (record.kind === 'name' && named.has(JSON.stringify(record.of))),
              )
              .map(({ id }) => id);
            if (added.length + retired.length === 0) continue;
            await parts.change('anna', retired, ...added);
            states.push(state(parts));
          }
          const back = Math.min(n + 1, states.length - 1);
          if (back === 0) return;
          if (atOnce) await undoing(parts, { count: back });
          else for (let each = 0; each < back; each++) await undoing(parts);
          expect(state(parts)).toEqual(states[states.length - 1 - back]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
