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

test('a full table: what was a device once and is a remote now gives nothing up', async () => {
  const one = made({ maxFlows: 8 });
  one.table.sees(news({ device: 'gone', other: 'other' }));
  await age(one, 32);
  for (let i = 0; i < 5; i++) one.table.sees(news({ device: `quiet${i}`, other: 'popular' }));
  for (let port = 0; port < 9; port++) one.table.sees(news({ port }));
  for (let i = 0; i < 5; i++) expect(one.table.heldBy(`quiet${i}`)).toBe(1);
  expect([one.table.heldBy('popular'), one.table.heldBy('tv')]).toEqual([5, 3]);
});

test('the end of a connection whose flow has gone begins no new one', () => {
  const { table } = made();
  const nothing = { packets: 0, bytes: 0 };
  table.sees(news({ entries: -1, up: nothing, down: nothing }));
  table.sees(news({ entries: -1, up: undefined, down: undefined }));
  expect(table.size).toBe(0);
  table.sees(news({ entries: -1 }));
  expect([...table.flows()]).toMatchObject([{ up: { packets: 1 }, entries: 0 }]);
});

test('how many flows refer to a node', () => {
  const { table } = made();
  table.sees(news());
  table.sees(news({ port: 80 }));
  table.sees(news({ device: 'doorbell' }));
  expect([table.heldBy('tv'), table.heldBy('ads'), table.heldBy('nobody')]).toEqual([2, 3, 0]);
  expect(Object.fromEntries(table.references())).toEqual({ tv: 2, ads: 3, doorbell: 1 });
});

test('the flows of a node, the most recently active first, of a remote too', async () => {
  const { clock, table } = made();
  for (const port of [1, 2, 3, 2]) {
    await clock.advance(10);
    table.sees(news({ port }));
  }
  expect([...table.flowsOf('tv')].map(({ port }) => port)).toEqual([2, 3, 1]);
  expect([...table.flowsOf('ads')].map(({ port }) => port)).toEqual([2, 3, 1]);
});

test.each(['flows', 'flowsOf'] as const)(
  '%s: listing goes on while flows come and go: what was there throughout once, nothing twice',
  async (list) => {
    const one = made();
    for (let port = 0; port < 60; port++) one.table.sees(news({ port }));
    const listed: number[] = [];
    for (const { port } of one.table[list]('tv')) {
      listed.push(port);
      if (listed.length !== 10) continue;
      // Odd ones go and come back, in slots that are listed later, with new ones among them.
      for (let minute = 0; minute < 35; minute++) {
        for (let stay = 0; stay < 60; stay += 2) one.table.sees(news({ port: stay }));
        await age(one, 1);
      }
      for (let late = 0; late < 90; late++) one.table.sees(news({ port: late }));
    }
    const even = Array.from({ length: 30 }, (_, i) => 2 * i);
    expect(listed.slice(10).filter((port) => port % 2 === 1 || port >= 60)).toEqual([]);
    expect(listed.filter((port) => port % 2 === 0).sort((x, y) => x - y)).toEqual(even);
  },
);

test('a round of ageing in slices is the same round', async () => {
  const [whole, sliced] = [made(), made()];
  for (const { table } of [whole, sliced])
    for (let i = 0; i < 20_000; i++) table.sees(news({ device: `d${i % 7}`, port: i }));
  let slices = 0;
  for (let round = 0; round < 12; round++) {
    whole.table.sweep();
    for (let from: number | undefined = 0; from !== undefined; slices++) from = sliced.table.sweepFrom(from);
  }
  expect(slices).toBeGreaterThan(12);
  expect(sliced.table.size).toBe(7 * 25);
  expect([...sliced.table.flows()]).toEqual([...whole.table.flows()]);
});

test('what blocks drop is a flow of the pair, with nothing but that', async () => {
  const { clock, table } = made();
  await clock.advance(5);
  table.seesDrop({ device: 'tv', other: 'ads', otherIsDevice: false, packets: 3, bytes: 180 });
  await clock.advance(5);
  table.sees(news());
  table.seesDrop({ device: 'tv', other: 'ads', otherIsDevice: false, packets: 1, bytes: 60 });
  const [blocked, other] = [...table.flows()];
  expect(blocked).toEqual({
    device: 'tv',
    other: 'ads',
    otherIsDevice: false,
    protocol: 0,
    port: 0,
    up: undefined,
    down: undefined,
    partial: false,
    offloaded: false,
    firstSeen: 5,
    lastSeen: 10,
    entries: 0,
    blocked: { packets: 4, bytes: 240, lastSeen: 10 },
  });
  expect(other).toMatchObject({ port: 443, blocked: undefined });
});

test('two devices that are blocked from each other are one flow, whoever tried', () => {
  const { table } = made();
  table.seesDrop({ device: 'tv', other: 'nas', otherIsDevice: true, packets: 3, bytes: 180 });
  table.seesDrop({ device: 'nas', other: 'tv', otherIsDevice: true, packets: 1, bytes: 60 });
  expect([...table.flows()]).toMatchObject([{ device: 'tv', blocked: { packets: 4, bytes: 240 } }]);
});

test('a blocked flow ages as any other, and the next in its place is not blocked', async () => {
  const one = made();
  one.table.seesDrop({ device: 'home', other: 'internet', otherIsDevice: false, packets: 3, bytes: 180 });
  await age(one, 32);
  expect(one.table.size).toBe(0);
  one.table.sees(news());
  expect([...one.table.flows()]).toMatchObject([{ device: 'tv', blocked: undefined }]);
});
