import { expect, it } from 'vitest';
import { SyncProgress } from '../../../../src/p2p/sync/sync-progress.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('tells of long sessions only, of several the one that has brought most, and of none after its end', () => {
  const progress = new SyncProgress(new FakeClock());
  expect(progress.longest()).toBeUndefined();
  progress.update('a', 0, 500);
  expect(progress.longest()).toBeUndefined();
  progress.update('b', 0, 501);
  progress.update('c', 300, 73_000);
  expect(progress.longest()).toEqual({ peer: 'c', received: 300, expected: 73_000 });
  progress.ended('c');
  expect(progress.longest()).toEqual({ peer: 'b', received: 0, expected: 501 });
  progress.ended('b');
  expect(progress.longest()).toBeUndefined();
});

it('a session is worth waiting for while it is long and brings 50 ops a second', async () => {
  const clock = new FakeClock();
  const progress = new SyncProgress(clock);
  expect(progress.steady()).toBe(false);
  progress.update('a', 10, 500);
  expect(progress.steady()).toBe(false);
  progress.update('a', 0, 2 ** 53 - 1);
  await clock.advance(1_999);
  expect(progress.steady()).toBe(true);
  await clock.advance(1);
  expect(progress.steady()).toBe(false);
  progress.update('a', 100, 2 ** 53 - 1);
  expect(progress.steady()).toBe(true);
  await clock.advance(100);
  expect(progress.steady()).toBe(false);
});
