import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Connections } from '../../src/control/connections.ts';
import type { Counted } from '../../src/control/listeners.ts';
import { type Cursor, Numbered } from '../../src/control/numbered.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** What is done between pages: something comes, the k-th of those that are there goes, the k-th reader reads a page. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('come' as const), count: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('go' as const), count: fc.nat(999) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), count: fc.nat(999) }) },
);

/** A reader, and what must and may be listed to it. */
interface Reader {
  cursor: Cursor | undefined;
  readonly atStart: ReadonlySet<number>;
  readonly listed: number[];
}

describe('things that come and go while they are listed', () => {
  it('lists what was there throughout exactly once, nothing twice, nothing that came later', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 100 }),
        fc.integer({ min: 1, max: 80 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, most, count) => {
          // Each thing knows its number, so that what is listed can be told apart.
          const numbered = new Numbered<{ n: number }>();
          const there: number[] = [];
          const add = () => {
            const thing = { n: 0 };
            thing.n = numbered.add(thing);
            there.push(thing.n);
          };
          for (let i = 0; i < 600; i++) add();
          const begin = (): Reader => ({
            cursor: numbered.begin(),
            atStart: new Set(there),
            listed: [],
          });
          const readers = Array.from({ length: count }, begin);
          const read = (reader: Reader) => {
            if (reader.cursor === undefined) return;
            const { items, next } = numbered.page(reader.cursor, most);
            expect(items.length).toBeLessThanOrEqual(most);
            expect(items.filter(({ n }) => !there.includes(n))).toEqual([]);
            reader.listed.push(...items.map(({ n }) => n));
            reader.cursor = next;
          };
          for (const { kind, count: k } of steps) {
            if (kind === 'come') for (let i = 0; i < k; i++) add();
            else if (kind === 'go') {
              const [gone] = there.splice(k % Math.max(1, there.length), 1);
              if (gone !== undefined) expect(numbered.remove(gone)).toBe(true);
              if (gone !== undefined) expect(numbered.remove(gone)).toBe(false);
            } else read(readers[k % count] as Reader);
          }
          expect(numbered.size).toBe(there.length);
          expect([...numbered].map(({ n }) => n)).toEqual(there);
          const throughout = new Set(there);
          for (const reader of readers) {
            while (reader.cursor !== undefined) read(reader);
            expect(reader.listed).toEqual([...new Set(reader.listed)].sort((a, b) => a - b));
            const listed = new Set(reader.listed);
            expect(reader.listed.filter((n) => !reader.atStart.has(n))).toEqual([]);
            expect([...reader.atStart].filter((n) => throughout.has(n) && !listed.has(n))).toEqual([]);
          }
        },
      ),
      { numRuns: 50 },
    );
  }, 20_000);

  it('10,000 connections, 1,000 slow readers, and as many that come and go: nobody waits and nothing is kept', () => {
    const clock = new FakeClock();
    const connections = new Connections(clock);
    const listener = connections.open('http', '127.0.0.1:1');
    const sockets: FakeSocket[] = [];
    const come = () => {
      const socket = new FakeSocket();
      listener.follow(socket, 'a client');
      sockets.push(socket);
    };
    for (let i = 0; i < 10_000; i++) come();
    const staying = 5_000;
    const readers = Array.from({ length: 1_000 }, () => ({
      cursor: undefined as Cursor | undefined,
      done: false,
      listed: 0,
      highest: 0,
    }));
    const begin = performance.now();
    let turn = 0;
    while (readers.some(({ done }) => !done)) {
      // Between two pages of everybody, a hundred go and a hundred come; the first 5,000 stay.
      for (let i = 0; i < 100; i++) {
        const [gone] = sockets.splice(staying + ((turn * 37 + i * 11) % (sockets.length - staying)), 1);
        gone?.close();
        come();
      }
      for (const reader of readers) {
        if (reader.done) continue;
        const { rows, next } = connections.page(reader.cursor, 500);
        for (const { number } of rows) {
          if (number <= reader.highest) throw new Error('listed twice');
          reader.highest = number;
          if (number <= staying) reader.listed += 1;
        }
        reader.cursor = next;
        reader.done = next === undefined;
      }
      turn += 1;
    }
    for (const { listed, highest } of readers) {
      expect(listed).toBe(staying);
      expect(highest).toBeLessThanOrEqual(10_100);
    }
    // 10 million rows: 0.1 s of it is the walk; the rest is the rows themselves.
    expect(performance.now() - begin).toBeLessThan(20_000);
    const [facts] = connections.listeners();
    expect(facts?.active).toBe(10_000);
    expect(facts?.bytesReceived).toBe((facts?.total ?? 0) * 3);
  }, 30_000);
});

/** Three bytes came and five went. */
class FakeSocket implements Counted {
  readonly bytesRead = 3;
  readonly bytesWritten = 5;
  #closed: () => void = () => undefined;

  once(_: 'close', run: () => void): void {
    this.#closed = run;
  }

  close(): void {
    this.#closed();
  }
}
