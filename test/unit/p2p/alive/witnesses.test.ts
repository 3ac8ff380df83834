import { expect, it } from 'vitest';
import { Witnesses } from '../../../../src/p2p/alive/witnesses.ts';

it('names the member that heard a peer last, as told', () => {
  const witnesses = new Witnesses();
  expect(witnesses.newest('a')).toBeUndefined();
  witnesses.take('w1', 'a', 1_000, 5_000);
  witnesses.take('w2', 'a', 3_000, 6_000);
  expect(witnesses.newest('a')).toEqual({ by: 'w1', heardAt: 4_000 });
  witnesses.take('w2', 'a', 0, 6_000);
  // An older word of the same member takes nothing back.
  witnesses.take('w2', 'a', 9_000, 6_100);
  expect(witnesses.newest('a')).toEqual({ by: 'w2', heardAt: 6_000 });
  witnesses.clear('a');
  expect(witnesses.newest('a')).toBeUndefined();
});

it('lets nobody speak for itself, and takes no rubbish', () => {
  const witnesses = new Witnesses();
  witnesses.take('a', 'a', 0, 0);
  for (const age of [-1, Number.NaN]) witnesses.take('w', 'a', age, 0);
  expect(witnesses.newest('a')).toBeUndefined();
});

it('keeps a bounded number of words, those that heard it last, and counts the others', () => {
  const witnesses = new Witnesses();
  for (let i = 0; i < 20; i++) witnesses.take(`w${i}`, 'a', i, 100);
  expect(witnesses.newest('a')).toEqual({ by: 'w0', heardAt: 100 });
  expect(witnesses.dropped).toBe(4);
  for (let i = 0; i < 300; i++) witnesses.take('w', `p${i}`, 0, 0);
  expect(witnesses.newest('p299')).toBeUndefined();
  expect(witnesses.dropped).toBe(4 + 45);
});

it('forgets a member with its words', () => {
  const witnesses = new Witnesses();
  witnesses.take('w', 'a', 0, 0);
  witnesses.take('a', 'b', 0, 0);
  witnesses.forget('a');
  expect(witnesses.newest('a')).toBeUndefined();
  expect(witnesses.newest('b')).toBeUndefined();
});
