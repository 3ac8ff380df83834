import { expect, it } from 'vitest';
import { OurStates } from '../../../../src/p2p/sync/our-states.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('knows what we were in within the last five seconds, of not too many', async () => {
  const clock = new FakeClock();
  const ours = new OurStates(clock);
  expect(ours.had('a')).toBe(false);
  ours.note('a');
  await clock.advance(4_000);
  ours.note('a');
  ours.note('b');
  await clock.advance(4_000);
  expect([ours.had('a'), ours.had('b'), ours.had('c')]).toEqual([true, true, false]);
  await clock.advance(1_000);
  expect(ours.had('a')).toBe(false);
  for (let n = 0; n <= 64; n++) ours.note(`${n}`);
  expect([ours.had('0'), ours.had('1'), ours.had('64')]).toEqual([false, true, true]);
});
