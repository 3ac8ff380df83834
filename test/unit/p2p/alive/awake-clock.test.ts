import { expect, it } from 'vitest';
import { AwakeClock } from '../../../../src/p2p/alive/awake-clock.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('counts at most 250 ms per tick', async () => {
  const clock = new FakeClock();
  const awake = new AwakeClock(clock);
  await clock.advance(100);
  awake.tick();
  await clock.advance(8_000);
  expect(awake.tick()).toBe(0);
  expect(awake.now).toBe(350);
  expect(awake.real).toBe(8_100);
});

it('tells how long the machine was suspended, once, and counts that as time that passed for others', async () => {
  const clock = new FakeClock();
  let asleep = 0;
  const awake = new AwakeClock(clock, () => clock.monotonic() + asleep);
  await clock.advance(100);
  expect(awake.tick()).toBe(0);
  asleep = 60_000;
  await clock.advance(100);
  expect(awake.tick()).toBe(60_000);
  await clock.advance(100);
  expect(awake.tick()).toBe(0);
  expect(awake.now).toBe(300);
  expect(awake.real).toBe(60_300);
});

it('is not led astray by a clock of the machine that goes back or says nothing', async () => {
  const clock = new FakeClock();
  let boot = 1e6;
  const awake = new AwakeClock(clock, () => boot);
  for (const next of [0, Number.NaN, 500]) {
    boot = next;
    await clock.advance(100);
    expect(awake.tick()).toBe(0);
  }
  expect(awake.now).toBe(300);
});
