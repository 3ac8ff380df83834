import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sighting } from '../../src/local/flows/flow.ts';
import { decodeDay, encodeDay } from '../../src/local/history/day.ts';
import type { Row } from '../../src/local/history/row.ts';
import { decodeSlice, encodeSlice } from '../../src/local/history/slice.ts';
import { Tally } from '../../src/local/history/tally.ts';
import { Totals } from '../../src/local/history/totals.ts';
import { amounts, nodeId, SeenHome } from '../support/seen-home.ts';

const RUNS = Number(process.env.HEDGEROW_HISTORY_RUNS ?? 30);
const RUBBISH = Number(process.env.HEDGEROW_FUZZ ?? 50_000);

const count = fc.oneof(fc.nat(2_000), fc.nat(2 ** 31), fc.constant(2 ** 40));
const counts = fc.record({ packets: fc.nat(1_000), bytes: count });
const device = fc.nat(3);
const remote = fc.integer({ min: 10, max: 16 });

type Step =
  | { kind: 'see'; device: number; other: number; up: Sighting['up']; down: Sighting['up']; begins: boolean }
  | { kind: 'drop'; device: number; other: number; packets: number; bytes: number }
  | { kind: 'pass'; minutes: number }
  | { kind: 'jump'; to: number; trusted: boolean }
  | { kind: 'restart' | 'crash' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('see' as const),
      device,
      other: fc.oneof(remote, device),
      up: fc.option(counts, { nil: undefined, freq: 8 }),
      down: fc.option(counts, { nil: undefined, freq: 8 }),
      begins: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('drop' as const),
      device,
      other: remote,
      packets: fc.integer({ min: 1, max: 100 }),
      bytes: count,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), minutes: fc.nat(90) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      to: fc.constantFrom(0, Date.UTC(2026, 10, 21, 12), Date.UTC(2026, 10, 28), Date.UTC(2040, 1, 1)),
      trusted: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'crash' as const) }) },
);

/** What the sums ought to be: by pair, as it was seen, and by device. */
class Model {
  readonly pairs = new Map<string, number[]>();
  readonly totals = new Map<string, number[]>();

  see(device: string, other: string, [up, down, upPackets, downPackets]: number[], more: number[]): void {
    const [x, y] = [this.#of(this.pairs, `${device} ${other}`), this.#of(this.totals, device)];
    for (const [i, amount] of [up, down, upPackets, downPackets, ...more].entries()) {
      x[i] = (x[i] ?? 0) + (amount ?? 0);
      if (i < 4) y[i] = (y[i] ?? 0) + (amount ?? 0);
    }
  }

  #of(sums: Map<string, number[]>, key: string): number[] {
    const sum = sums.get(key) ?? [0, 0, 0, 0, 0, 0, 0];
    sums.set(key, sum);
    return sum;
  }
}

/** Far enough for any clock here: then nothing is old. */
const FOR_EVER = 100_000;

async function play(steps: readonly Step[], days = FOR_EVER) {
  const home = new SeenHome({ days });
  const model = new Model();
  await home.start();
  for (const each of steps) {
    if (each.kind === 'see' && each.device !== each.other) {
      const [x, y] = [nodeId(each.device), nodeId(each.other)];
      const otherIsDevice = each.other < 10;
      const { up, down } = each;
      home.history.sees({
        device: x,
        other: y,
        otherIsDevice,
        protocol: 6,
        port: 443,
        up,
        down,
        entries: each.begins ? 1 : 0,
        offloaded: false,
      });
      const moved = [up?.bytes ?? 0, down?.bytes ?? 0, up?.packets ?? 0, down?.packets ?? 0];
      model.see(x, y, moved, [each.begins ? 1 : 0, 0, 0]);
      if (otherIsDevice) {
        const total = model.totals.get(y) ?? [0, 0, 0, 0, 0, 0, 0];
        model.totals.set(
          y,
          total.map((sum, i) => sum + ([moved[1], moved[0], moved[3], moved[2]][i] ?? 0)),
        );
      }
    } else if (each.kind === 'drop') {
      const [x, y] = [nodeId(each.device), nodeId(each.other)];
      home.history.drops({
        device: x,
        other: y,
        otherIsDevice: false,
        packets: each.packets,
        bytes: each.bytes,
      });
      model.see(x, y, [0, 0, 0, 0], [0, each.packets, each.bytes]);
    } else if (each.kind === 'pass') await home.clock.advance(each.minutes * 60_000);
    else if (each.kind === 'jump') {
      home.clock.setWall(each.to);
      home.trusted = each.trusted;
    } else if (each.kind === 'restart') await home.restart();
    else if (each.kind === 'crash') {
      await home.flush();
      await home.crash();
    }
  }
  return { home, model };
}

describe('the history', { timeout: 600_000 }, () => {
  it('adds up to what was seen, over restarts, crashes after a write, and whatever the clock does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const { home, model } = await play(steps);
        const found = new Map<string, number[]>();
        for (const row of (await home.read({ by: 'pair' })).rows) {
          // Two devices are one pair: as it is shown.
          found.set(`${row.device} ${row.other}`, amounts(row));
        }
        for (const [pair, sums] of model.pairs) {
          const [x = '', y = ''] = pair.split(' ');
          const back = model.pairs.get(`${y} ${x}`);
          const both = back === undefined ? sums : sums.map((sum, i) => sum + (back[turnedAt(i)] ?? 0));
          const shown = found.get(pair) ?? turnedBack(found.get(`${y} ${x}`));
          if (both.some((sum) => sum > 0)) expect(shown, pair).toEqual(both);
        }
        for (const [id, [up = 0, down = 0, upPackets = 0, downPackets = 0]] of model.totals) {
          const total = home.history.total(id);
          if (up + down + upPackets + downPackets === 0 && total === undefined) continue;
          expect(total?.up, id).toEqual({ bytes: up, packets: upPackets });
          expect(total?.down, id).toEqual({ bytes: down, packets: downPackets });
        }
        await home.history.stop();
      }),
      { numRuns: RUNS },
    );
  });

  it('adds up to the same when hours have become days', async () => {
    const isPlain = (each: Step) =>
      each.kind !== 'jump' || (each.trusted && each.to > Date.UTC(2026, 0) && each.to < Date.UTC(2027, 0));
    let folded = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const { home, model } = await play(steps.filter(isPlain), 1);
        home.clock.setWall(Date.UTC(2026, 10, 28, 1));
        // What is still being written to is not old.
        await home.clock.advance(60_000);
        home.history.drops({
          device: nodeId(0),
          other: nodeId(10),
          otherIsDevice: false,
          packets: 1,
          bytes: 1,
        });
        model.see(nodeId(0), nodeId(10), [0, 0, 0, 0], [0, 1, 1]);
        await home.clock.advance(8 * 3_600_000);
        await home.restart();
        folded += [...home.files.keys()].filter((name) => name.endsWith('-d')).length;
        const { total } = await home.read();
        const expected = [0, 1, 2, 3, 4, 5, 6].map((i) =>
          [...model.pairs.values()].reduce((sum, amounts) => sum + (amounts[i] ?? 0), 0),
        );
        expect(amounts(total)).toEqual(expected);
        await home.history.stop();
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
    expect(folded).toBeGreaterThan(RUNS / 6);
  });

  it('sums classes when it is read, and a split undoes it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(fc.uniqueArray(device), { maxLength: 2 }),
        async (steps, merged) => {
          const { home } = await play(steps.filter(({ kind }) => kind !== 'crash'));
          const classes = new Map<string, string[]>();
          for (const members of merged) {
            const ids = [...new Set(members.map(nodeId).flatMap((id) => classes.get(id) ?? [id]))].sort();
            for (const id of ids) classes.set(id, ids);
          }
          const classOf = (id: string) => classes.get(id) ?? [id];
          const apart = await home.read({ by: 'device' });
          const together = await home.read({ by: 'device', classOf });
          const expected = new Map<string, number[]>();
          for (const row of apart.rows) {
            const id = classOf(row.device ?? '')[0] ?? '';
            const sum = expected.get(id) ?? [0, 0, 0, 0, 0, 0, 0];
            expected.set(
              id,
              sum.map((each, i) => each + (amounts(row)[i] ?? 0)),
            );
          }
          const found = new Map(together.rows.map((row) => [row.device ?? '', amounts(row)]));
          expect(found).toEqual(expected);
          expect(amounts(together.total)).toEqual(amounts(apart.total));
          await home.history.stop();
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('folds the smallest rows and loses nothing of a device', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(device, fc.nat(200), count), { maxLength: 400 }),
        fc.integer({ min: 1, max: 20 }),
        (seen, most) => {
          const tally = new Tally(most);
          const expected = new Map<string, number>();
          for (const [x, y, bytes] of seen) {
            const id = nodeId(x);
            tally.drops({ device: id, other: nodeId(1_000 + y), otherIsDevice: false, packets: 1, bytes });
            expected.set(id, (expected.get(id) ?? 0) + bytes);
          }
          const found = new Map<string, number>();
          for (const { device: id, blocked } of tally.rows())
            found.set(id, (found.get(id) ?? 0) + blocked.bytes);
          // A device beyond the cap is among others.
          const sum = (of: Map<string, number>) => [...of.values()].reduce((x, y) => x + y, 0);
          expect(sum(found)).toBe(sum(expected));
          if (most >= 4) expect(found).toEqual(expected);
          expect(tally.size).toBeLessThanOrEqual(2 * most + 2);
        },
      ),
    );
  });
});

const row: fc.Arbitrary<Row> = fc.record({
  device: device.map(nodeId),
  other: fc.oneof(remote.map(nodeId), fc.constantFrom('', 'internet', '10.0.0.0/8')),
  otherIsDevice: fc.boolean(),
  up: counts,
  down: counts,
  begun: fc.nat(1_000),
  blocked: fc.record({ packets: fc.integer({ min: 1, max: 9 }), bytes: count }),
  partial: fc.boolean(),
});

describe('what is read from the disk', { timeout: 600_000 }, () => {
  it('is a slice or nothing, whatever the bytes', () => {
    const rows = fc.sample(row, { numRuns: 30, seed: 7 }).sort((x, y) => (x.device < y.device ? -1 : 1));
    const words = [
      { id: nodeId(1), text: 'a.example' },
      { id: 'internet', text: '' },
    ];
    const interfaces = [
      { name: 'br-lan', receivedBytes: 1, sentBytes: 2, receivedPackets: 3, sentPackets: 4 },
    ];
    const slice = encodeSlice({
      hour: 498_000,
      seq: 7,
      sure: true,
      words: { first: 1, words },
      interfaces,
      rows: rows.map((each, i) => ({ ...each, device: 1 + Math.floor(i / 10), other: i })),
    });
    const day = encodeDay({ sure: false, interfaces, rows }, () => 'text');
    const totals = new Totals();
    for (const each of rows) totals.add(each, 498_000);
    const kept = totals.encode({ seq: 9, hour: 498_000 });
    expect(decodeSlice(slice)?.rows).toHaveLength(30);
    expect(decodeDay(day)?.rows).toEqual(rows);
    expect(new Totals().load(kept)).toEqual({ seq: 9, hour: 498_000 });
    fc.assert(
      fc.property(
        fc.constantFrom(slice, day, kept),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.option(fc.nat(), { nil: undefined }),
        (bytes, changes, cut) => {
          const mutated = Uint8Array.from(
            bytes.subarray(0, cut === undefined ? bytes.length : cut % bytes.length),
          );
          for (const [at, byte] of changes) if (mutated.length > 0) mutated[at % mutated.length] = byte;
          const read = decodeSlice(mutated);
          if (read !== undefined) expect(read.rows.length).toBeLessThanOrEqual(mutated.length);
          const readDay = decodeDay(mutated);
          if (readDay !== undefined) expect(readDay.rows.length).toBeLessThanOrEqual(mutated.length);
          const readTotals = new Totals();
          if (readTotals.load(mutated) === undefined) expect(readTotals.size).toBe(0);
        },
      ),
      { numRuns: Math.max(1_000, RUBBISH / 10) },
    );
  });

  it('is left out and counted when files are damaged, and the history goes on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 40 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (steps, changes) => {
          const { home, model } = await play(steps);
          await home.history.stop();
          for (const stored of [home.files, home.database.content]) {
            for (const [name, bytes] of stored) {
              const mutated = Uint8Array.from(bytes);
              for (const [at, byte] of changes) mutated[at % mutated.length] = byte;
              stored.set(name, mutated);
            }
          }
          await home.restart();
          const most = [...model.pairs.values()].reduce((sum, [up = 0]) => sum + up, 0);
          const before = (await home.read()).total.up.bytes;
          expect(before).toBeLessThanOrEqual(most);
          home.history.sees({
            device: nodeId(1),
            other: nodeId(10),
            otherIsDevice: false,
            protocol: 6,
            port: 443,
            up: { packets: 1, bytes: 100 },
            down: undefined,
            entries: 1,
            offloaded: false,
          });
          await home.flush();
          await home.restart();
          expect((await home.read()).total.up.bytes).toBe(before + 100);
          await home.history.stop();
        },
      ),
      { numRuns: RUNS },
    );
  });
});

/** Amounts seen from the other end: up and down change places. */
function turnedAt(i: number): number {
  return [1, 0, 3, 2, 4, 5, 6][i] ?? i;
}

function turnedBack(sums: number[] | undefined): number[] | undefined {
  return sums?.map((_, i) => sums[turnedAt(i)] ?? 0);
}
