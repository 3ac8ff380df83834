import { expect, it } from 'vitest';
import { type Log, silentLog } from '../../../src/log.ts';
import { Counters } from '../../../src/p2p/counters.ts';
import { FLOOD_BURST, FLOOD_RATE, Floods, HISTORY_OPS } from '../../../src/p2p/floods.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function make() {
  const clock = new FakeClock();
  const counters = new Counters();
  const warned: object[] = [];
  const log: Log = { ...silentLog, warn: (fields) => void warned.push(fields) };
  return { clock, counters, warned, floods: new Floods({ clock, log, counters }) };
}

const OP = 300;

/** Ops that pass by gossip until the first does not. */
function gossip(floods: Floods, peer: string, limit = 10_000): number {
  for (let i = 0; i < limit; i++) {
    if (floods.above(peer)) return i;
    floods.gossiped(peer, OP);
  }
  return limit;
}

it('gossip passes up to the burst, then at the rate, of each member by itself', async () => {
  const { clock, floods } = make();
  expect(gossip(floods, 'x')).toBe(FLOOD_BURST);
  expect(floods.above('b')).toBe(false);
  await clock.advance(2_000);
  expect(gossip(floods, 'x')).toBe(2 * FLOOD_RATE);
  await clock.advance(3_600_000);
  expect(gossip(floods, 'x')).toBe(FLOOD_BURST);
});

it('a large op costs as much as the small ones that would fit into it', () => {
  const { floods } = make();
  let passed = 0;
  for (; !floods.above('x'); passed++) floods.gossiped('x', 32_768);
  expect(passed).toBe(Math.ceil(FLOOD_BURST / 9));
});

it('what a member brings before our first session with it has ended is history, up to a limit', () => {
  const { floods } = make();
  let passed = 0;
  while (!floods.synced('a', OP)) passed += 1;
  expect(passed).toBe(HISTORY_OPS + FLOOD_BURST);
  expect(floods.of('a')).toEqual({ sinceMs: 0, count: 1 });
});

it('after it only the bucket counts', async () => {
  const { clock, floods } = make();
  floods.told('x');
  const burst = () => {
    let passed = 0;
    while (!floods.synced('x', OP)) passed += 1;
    return passed;
  };
  expect(burst()).toBe(FLOOD_BURST);
  await clock.advance(1_000);
  expect(burst()).toBe(FLOOD_RATE);
});

it('is flagged with its beginning and its size, and no more a minute after its end', async () => {
  const { clock, counters, warned, floods } = make();
  expect(floods.of('x')).toBeUndefined();
  gossip(floods, 'x');
  for (let i = 0; i < 9; i++) floods.above('x');
  await clock.advance(5_000);
  expect(floods.of('x')).toEqual({ sinceMs: 5_000, count: 10 });
  expect(counters.snapshot()).toEqual({ 'flood.over': 10 });
  gossip(floods, 'x');
  expect(warned).toHaveLength(1);
  await clock.advance(60_000);
  expect(floods.of('x')).toBeUndefined();
  gossip(floods, 'x');
  expect(floods.of('x')).toEqual({ sinceMs: 0, count: 1 });
  expect(warned).toEqual([
    { peer: 'x', count: 1 },
    { peer: 'x', count: 1 },
  ]);
  floods.forget('x');
  expect(floods.of('x')).toBeUndefined();
});

it('more peers than there are share one bucket', () => {
  const { floods } = make();
  for (let i = 0; i < 4_096; i++) floods.above(`p${i}`);
  gossip(floods, 'q');
  expect(floods.above('r')).toBe(true);
  expect(floods.above('p7')).toBe(false);
});
