import { expect, it } from 'vitest';
import { PeerClocks } from '../../../src/p2p/clocks.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function make() {
  const clock = new FakeClock();
  return { clock, clocks: new PeerClocks(clock) };
}

it('the offset counts half of the round trip, and nothing where that is not known', () => {
  const { clock, clocks } = make();
  clocks.heard('a', { clock: clock.now() + 1_000, trusted: true }, 40);
  clocks.heard('b', { clock: clock.now() - 90_000, trusted: false }, undefined);
  expect(clocks.of('a')).toEqual({ offsetMs: 1_020, trusted: true });
  expect(clocks.of('b')).toEqual({ offsetMs: -90_000, trusted: false });
  expect(clocks.of('c')).toBeUndefined();
});

it('stays the same while time passes, and follows a jump of our own wall clock', async () => {
  const { clock, clocks } = make();
  clocks.heard('a', { clock: clock.now(), trusted: true }, 0);
  await clock.advance(3_600_000);
  expect(clocks.of('a')?.offsetMs).toBe(0);
  clock.setWall(clock.now() - 86_400_000);
  expect(clocks.of('a')?.offsetMs).toBe(86_400_000);
});

it.each([0, 8.64e15 + 1, 2 ** 53 - 1])('a clock of %d is none, also after a good one', (claim) => {
  const { clock, clocks } = make();
  clocks.heard('a', { clock: clock.now(), trusted: true }, 0);
  clocks.heard('a', { clock: claim, trusted: true }, 10);
  expect(clocks.of('a')).toBeUndefined();
});

it('of any time that there is, a Date can be made', () => {
  const { clock, clocks } = make();
  clocks.heard('a', { clock: 8.64e15, trusted: true }, 0);
  clocks.heard('b', { clock: 1, trusted: true }, 0);
  for (const peer of ['a', 'b']) {
    const offsetMs = clocks.of(peer)?.offsetMs ?? Number.NaN;
    expect(() => new Date(clock.now() + offsetMs).toISOString()).not.toThrow();
  }
});

it('is forgotten with its peer, and not kept for more peers than there are', () => {
  const { clock, clocks } = make();
  for (let i = 0; i < 5_000; i++) clocks.heard(`p${i}`, { clock: clock.now(), trusted: true }, 0);
  expect(clocks.of('p4095')).toBeDefined();
  expect(clocks.of('p4096')).toBeUndefined();
  clocks.forget('p0');
  expect(clocks.of('p0')).toBeUndefined();
});
