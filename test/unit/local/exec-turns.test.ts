import { expect, test } from 'vitest';
import { Turns } from '../../../src/local/exec-turns.ts';

const wait = () => Promise.withResolvers<void>();

test('so many at a time, the others in their order', async () => {
  const turns = new Turns(2);
  const gates = [wait(), wait(), wait(), wait()];
  const begun: number[] = [];
  const works = gates.map((gate, n) =>
    turns.take(undefined, async () => {
      begun.push(n);
      await gate.promise;
    }),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  gates[1]?.resolve();
  await works[1];
  expect(begun).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.all(works);
  expect(begun).toEqual([0, 1, 2, 3]);
});

test('one that gives up before its turn is passed over, and one that fails gives its turn on', async () => {
  const turns = new Turns(1);
  const gate = wait();
  const first = turns.take(undefined, () => gate.promise);
  const stopper = new AbortController();
  const second = turns.take(stopper.signal, async () => 'never');
  const third = turns.take(undefined, async () => 'third');
  stopper.abort(new Error('no more'));
  await expect(second).rejects.toThrow('no more');
  gate.reject(new Error('failed'));
  await expect(first).rejects.toThrow('failed');
  expect(await third).toBe('third');
  expect(await turns.take(undefined, async () => 'fourth')).toBe('fourth');
});

test('too many that wait are refused and counted', async () => {
  const turns = new Turns(1);
  const gate = wait();
  const all = Array.from({ length: 257 }, () => turns.take(undefined, () => gate.promise));
  await expect(turns.take(undefined, () => gate.promise)).rejects.toThrow('too many');
  expect(turns.refused).toBe(1);
  gate.resolve();
  await Promise.all(all);
});
