import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Counter } from '../../../../src/local/enforce/backend.ts';
import { DropReader } from '../../../../src/local/flows/drop-reader.ts';
import { Drops } from '../../../../src/local/flows/drops.ts';
import type { Drop } from '../../../../src/local/flows/flow.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

let clock: FakeClock;
let reading: readonly Counter[] | undefined | Error;
let readings: number;
let told: Drop[];
let reader: DropReader;

const one = (packets: number): Counter => ({ owner: 'tv', remote: 'internet', packets, bytes: packets * 60 });

beforeEach(async () => {
  clock = new FakeClock();
  [reading, readings, told] = [[], 0, []];
  const nobody = { isLan: () => false, deviceAt: () => undefined, remoteAt: () => undefined };
  reader = new DropReader({
    clock,
    drops: new Drops(nobody),
    read: async () => {
      readings += 1;
      if (reading instanceof Error) throw reading;
      return reading;
    },
    onDrop: (drop) => told.push(drop),
  });
  await reader.start(new AbortController().signal);
  await clock.advance(1);
});
afterEach(() => reader.stop());

test('what is dropped is told within seconds', async () => {
  reading = [one(3)];
  await clock.advance(6_000);
  expect(told).toMatchObject([{ device: 'tv', other: 'internet', packets: 3, bytes: 180 }]);
  expect(reader.health()).toMatchObject({ running: true, counters: { readings: 2, failures: 0 } });
});

test('while nothing is dropped it reads a third as often', async () => {
  reading = [one(3)];
  await clock.advance(60_000);
  const before = readings;
  await clock.advance(160_000);
  expect(readings - before).toBeGreaterThan(8);
  expect(readings - before).toBeLessThan(13);
});

test('a reading that cannot be told now is none', async () => {
  reading = [one(3)];
  await clock.advance(6_000);
  reading = undefined;
  await clock.advance(60_000);
  reading = [one(4)];
  await clock.advance(20_000);
  expect(told.map(({ packets }) => packets)).toEqual([3, 1]);
});

test('a failure is told until a reading works', async () => {
  reading = new Error('iptables-save failed');
  await clock.advance(30_000);
  expect(reader.health()).toMatchObject({ running: false, lastError: 'iptables-save failed' });
  reading = [];
  await clock.advance(120_000);
  expect(reader.health()).toMatchObject({ running: true, lastError: undefined });
  await reader.stop();
  await reader.stop();
});
