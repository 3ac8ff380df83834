import { expect, test } from 'vitest';
import type { Sighting } from '../../../../src/local/flows/flow.ts';
import { FlowTable, type FlowTableOptions } from '../../../../src/local/flows/flow-table.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const MINUTE = 60_000;

function made(options: Partial<FlowTableOptions> = {}) {
  const clock = new FakeClock();
  return { clock, table: new FlowTable({ clock, ...options }) };
}

function news(more: Partial<Sighting> = {}): Sighting {
  return {
    device: 'tv',
    other: 'ads',
    otherIsDevice: false,
    protocol: 6,
    port: 443,
    up: { packets: 1, bytes: 60 },
    down: { packets: 2, bytes: 3_000 },
    entries: 0,
    offloaded: false,
    ...more,
  };
}

/** Sweeps as the agent does, once a period, for so many minutes. */
async function age({ clock, table }: ReturnType<typeof made>, minutes: number): Promise<void> {
  for (let i = 0; i < minutes; i++) {
    await clock.advance(MINUTE);
    table.sweep();
  }
}

test('news of one service add up, up and down apart', async () => {
  const { clock, table } = made();
  table.sees(news({ entries: 1 }));
  await clock.advance(500);
  table.sees(news({ entries: 1 }));
  table.sees(news({ entries: -1, up: { packets: 0, bytes: 0 }, down: { packets: 0, bytes: 0 } }));
  table.sees(news({ port: 80 }));
  expect([...table.flows()]).toMatchObject([
    {
      device: 'tv',
      other: 'ads',
      port: 443,
      up: { packets: 2, bytes: 120 },
      down: { packets: 4, bytes: 6_000 },
      firstSeen: 0,
      lastSeen: 500,
      entries: 1,
      partial: false,
      offloaded: false,
    },
    { port: 80 },
  ]);
  expect(table.size).toBe(2);
});

test('unknown is not zero', () => {
  const { table } = made();
  table.sees(news({ entries: 1, up: undefined, down: undefined }));
  expect([...table.flows()][0]).toMatchObject({ up: undefined, down: undefined, partial: true });
  table.sees(news({ entries: 1 }));
  expect([...table.flows()][0]).toMatchObject({ up: { packets: 1, bytes: 60 }, partial: true });
});

test('totals beyond 32 bits', () => {
  const { table } = made();
  table.sees(news({ up: { packets: 1, bytes: 5_000_000_000 } }));
  table.sees(news({ up: { packets: 1, bytes: 5_000_000_000 } }));
  expect([...table.flows()][0]?.up?.bytes).toBe(10_000_000_000);
});

test('device to device: one flow, seen from both, with its directions kept', () => {
  const { table } = made();
  table.sees(news({ device: 'tv', other: 'nas', otherIsDevice: true }));
  table.sees(news({ device: 'nas', other: 'tv', otherIsDevice: true }));
  expect([...table.flows()]).toHaveLength(1);
  expect([...table.flowsOf('tv')]).toEqual([...table.flowsOf('nas')]);
  expect([...table.flows()][0]).toMatchObject({ up: { packets: 3, bytes: 3_060 }, down: { packets: 3 } });
  expect([...table.flowsOf('ads')]).toEqual([]);
});

test('a flow holds both of its ends until it goes', async () => {
  const one = made();
  one.table.sees(news());
  expect([one.table.holds('tv'), one.table.holds('ads')]).toEqual([true, true]);
  await age(one, 32);
  expect(one.table.size).toBe(0);
  expect([one.table.holds('tv'), one.table.holds('ads')]).toEqual([false, false]);
});

test('an idle flow stays for half an hour when one of its ends keeps few flows', async () => {
  const one = made();
  one.table.sees(news());
  await age(one, 31);
  expect(one.table.size).toBe(1);
  await age(one, 1);
  expect(one.table.size).toBe(0);
});

test('an active flow halves its idle count, so it outlives one that is merely older', async () => {
  const one = made();
  one.table.sees(news({ port: 1 }));
  one.table.sees(news({ port: 2 }));
  await age(one, 21);
  one.table.sees(news({ port: 2 }));
  await age(one, 11);
  expect([...one.table.flows()].map(({ port }) => port)).toEqual([2]);
  // 20 idle periods, halved to 10: 20 more until it is above 30.
  await age(one, 9);
  expect(one.table.size).toBe(1);
  await age(one, 2);
  expect(one.table.size).toBe(0);
});

test('talkative devices lose idle flows after ten minutes, down to what every node keeps', async () => {
  const one = made();
  for (let port = 0; port < 40; port++) one.table.sees(news({ port }));
  await age(one, 11);
  expect(one.table.size).toBe(40);
  await age(one, 1);
  expect(one.table.size).toBe(25);
});

test('…and never the flows of quiet ones, however popular the other end is', async () => {
  const one = made();
  for (let port = 0; port < 40; port++) one.table.sees(news({ port }));
  one.table.sees(news({ device: 'doorbell' }));
  await age(one, 12);
  expect([...one.table.flowsOf('doorbell')]).toHaveLength(1);
});

test('the four constants are options', async () => {
  const one = made({ flowTimeMs: MINUTE, maxIdle1Ms: 2 * MINUTE, nodeKeepFlows: 3, maxIdle2Ms: 5 * MINUTE });
  for (let port = 0; port < 9; port++) one.table.sees(news({ port }));
  await age(one, 4);
  expect(one.table.size).toBe(3);
  await age(one, 3);
  expect(one.table.size).toBe(0);
});

test('a full table: the most talkative device gives up its quietest flows', async () => {
  const { clock, table } = made({ maxFlows: 50 });
  table.sees(news({ device: 'doorbell' }));
  for (let port = 0; port < 200; port++) {
    await clock.advance(1);
    table.sees(news({ port }));
  }
  expect(table.size).toBeLessThanOrEqual(50);
  expect(table.size + table.dropped).toBe(201);
  expect([...table.flowsOf('doorbell')]).toHaveLength(1);
  expect([...table.flowsOf('tv')].some(({ port }) => port === 199)).toBe(true);
  expect([...table.flowsOf('tv')].some(({ port }) => port === 0)).toBe(false);
});
