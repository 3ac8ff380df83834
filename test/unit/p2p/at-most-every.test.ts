import { expect, it } from 'vitest';
import { atMostEvery } from '../../../src/p2p/at-most-every.ts';
import { FakeClock } from '../../support/fake-clock.ts';

it('asks once in its time, and tells what is different right after it', async () => {
  const clock = new FakeClock();
  let asked = 0;
  let answer = 'before';
  const tell = atMostEvery(clock, 1_000, () => {
    asked += 1;
    return answer;
  });
  expect([tell(), tell()]).toEqual(['before', 'before']);
  answer = 'after';
  await clock.advance(999);
  expect(tell()).toBe('before');
  expect(asked).toBe(1);
  await clock.advance(1);
  expect([tell(), tell()]).toEqual(['after', 'after']);
  expect(asked).toBe(2);
});
