import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Drop, Flow, Sighting } from '../../src/local/flows/flow.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { device, drop, nameOf, remote, sighting, sorted } from './flow-news.ts';
import { type ModelFlow, ModelTable } from './model-table.ts';

const MINUTE = 60_000;
/** Idle rounds after which a flow goes when both ends keep many, and in any case; and how many are many. */
const AGEING = { flowTimeMs: MINUTE, maxIdle1Ms: 2 * MINUTE, nodeKeepFlows: 3, maxIdle2Ms: 5 * MINUTE };

type Step =
  | { kind: 'sees'; news: Sighting }
  | { kind: 'drops'; news: Drop }
  | { kind: 'rounds'; rounds: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('sees' as const), news: sighting }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drops' as const), news: drop }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('rounds' as const), rounds: fc.integer({ min: 1, max: 4 }) }),
  },
);

/** A clock that can be moved by hand. */
class HandClock extends FakeClock {
  at = 0;
  override monotonic(): number {
    return this.at;
  }
}

const plain = ({ idle: _, active: __, ...flow }: ModelFlow): Flow => flow;

describe('the flow table', () => {
  test('whatever comes, it holds what a plain model holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const clock = new HandClock();
        const table = new FlowTable({ clock, ...AGEING });
        const model = new ModelTable(AGEING);
        for (const one of steps) {
          clock.at += 10;
          if (one.kind === 'sees') {
            table.sees(one.news);
            model.sees(one.news, clock.at);
          } else if (one.kind === 'drops') {
            table.seesDrop(one.news);
            model.seesDrop(one.news, clock.at);
          } else {
            for (let i = 0; i < one.rounds; i++) {
              table.sweep();
              // Of flows that may go while enough of them stay, it is the table that chooses.
              const there = new Set([...table.flows()].map(nameOf));
              expect(model.sweep((name) => there.has(name))).toEqual([]);
            }
          }
          expect(sorted(table.flows())).toEqual(sorted(model.flows()).map(plain));
          expect(table.size).toBe(model.flows().length);
          for (const id of ['d1', 'd2', 'd3', 'd4', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6']) {
            const its = model.flows().filter((flow) => flow.device === id || flow.other === id);
            expect(table.heldBy(id)).toBe(its.length);
            expect(table.holds(id)).toBe(its.length > 0);
            expect(sorted(table.flowsOf(id))).toEqual(sorted(its).map(plain));
          }
        }
      }),
    );
  });

  test('talkative devices never flush the flows of quiet ones, be the table full or not', () => {
    const quiet = fc.record({ remote, port: fc.nat(2) });
    const loud = fc.record({ from: fc.constantFrom('l1', 'l2'), to: fc.nat(5), port: fc.nat(400) });
    const round = fc.record({
      quiet: fc.array(quiet, { maxLength: 2 }),
      loud: fc.array(loud, { maxLength: 60 }),
    });
    fc.assert(
      fc.property(fc.array(round, { maxLength: 12 }), fc.constantFrom(30, 1_000), (rounds, maxFlows) => {
        const clock = new HandClock();
        const table = new FlowTable({ clock, ...AGEING, maxFlows });
        /** Idle rounds of each flow of the quiet device, of which there are at most three. */
        const idle = new Map<string, number>();
        for (const { quiet: few, loud: many } of rounds) {
          clock.at += 1;
          const active = new Set<string>();
          for (const { remote: other, port } of few) {
            const name = `${other} ${port}`;
            if (!idle.has(name) && idle.size === AGEING.nodeKeepFlows) continue;
            if (!idle.has(name)) idle.set(name, 0);
            active.add(name);
            table.sees(seen({ device: 'quiet', other, port }));
          }
          for (const { from, to, port } of many) table.sees(seen({ device: from, other: `r${to}`, port }));
          expect(table.size).toBeLessThanOrEqual(maxFlows);
          expect(namesOf(table, 'quiet')).toEqual(new Set(idle.keys()));
          table.sweep();
          for (const [name, rounds] of idle) {
            const now = active.has(name) ? rounds >> 1 : rounds + 1;
            if (now * AGEING.flowTimeMs > AGEING.maxIdle2Ms) idle.delete(name);
            else idle.set(name, now);
          }
          expect(namesOf(table, 'quiet')).toEqual(new Set(idle.keys()));
        }
      }),
    );
  });

  // Few keys, so that flows come again, and remotes with more flows than any device.
  const busy = fc
    .tuple(sighting, fc.constantFrom('r1', 'd4'))
    .map(([one, other]) => ({ ...one, port: one.port & 1, ...(one.otherIsDevice ? {} : { other }) }))
    .filter((one) => one.device !== one.other)
    .map((one) => ({ ...one, otherIsDevice: one.other.startsWith('d') }));

  test('a full table takes from the device with the most flows, its quietest', () => {
    fc.assert(
      fc.property(fc.array(busy, { maxLength: 200 }), (news) => {
        const clock = new HandClock();
        const table = new FlowTable({ clock, maxFlows: 12 });
        let dropped = 0;
        for (const one of news) {
          clock.at += 1;
          const before = [...table.flows()];
          const held = new Map(['d1', 'd2', 'd3', 'd4'].map((id) => [id, table.heldBy(id)]));
          table.sees(one);
          const there = new Set([...table.flows()].map(nameOf));
          const gone = before.filter((flow) => !there.has(nameOf(flow)));
          dropped += gone.length;
          expect(gone.length).toBeLessThanOrEqual(1);
          expect(table.dropped).toBe(dropped);
          for (const flow of gone) {
            const most = Math.max(...held.values());
            const givers = [flow.device, flow.other].filter((id) => held.get(id) === most);
            expect(givers).not.toEqual([]);
            const isQuietest = (id: string) =>
              before.every((x) => (x.device !== id && x.other !== id) || x.lastSeen >= flow.lastSeen);
            expect(givers.some(isQuietest)).toBe(true);
          }
        }
        expect(table.size).toBeLessThanOrEqual(12);
      }),
    );
  });

  test('a list is right however many flows come and go while it is read', () => {
    fc.assert(
      fc.property(
        fc.array(sighting, { maxLength: 40 }),
        fc.array(step, { maxLength: 80 }),
        fc.option(fc.oneof(device, remote), { nil: undefined }),
        (first, steps, of) => {
          const clock = new HandClock();
          const table = new FlowTable({ clock, ...AGEING, maxFlows: 30 });
          for (const news of first) table.sees(news);
          const all = () => [...(of === undefined ? table.flows() : table.flowsOf(of))].map(nameOf);
          const before = new Set(all());
          const throughout = new Set(before);
          const listed: string[] = [];
          const left = [...steps];
          for (const flow of of === undefined ? table.flows() : table.flowsOf(of)) {
            listed.push(nameOf(flow));
            for (const one of left.splice(0, 4)) {
              if (one.kind === 'sees') table.sees(one.news);
              else if (one.kind === 'drops') table.seesDrop(one.news);
              else for (let i = 0; i < one.rounds; i++) table.sweep();
              const now = new Set(all());
              for (const name of throughout) if (!now.has(name)) throughout.delete(name);
            }
          }
          expect(new Set(listed).size).toBe(listed.length);
          for (const name of throughout) expect(listed).toContain(name);
          for (const name of listed) expect(before).toContain(name);
        },
      ),
    );
  });
});

function seen(more: Pick<Sighting, 'device' | 'other' | 'port'>): Sighting {
  const one = { packets: 1, bytes: 60 };
  return { otherIsDevice: false, protocol: 6, up: one, down: one, entries: 0, offloaded: false, ...more };
}

function namesOf(table: FlowTable, id: string): Set<string> {
  return new Set([...table.flowsOf(id)].map(({ other, port }) => `${other} ${port}`));
}
