import { expect, test } from 'vitest';
import { Aliases } from '../../../../src/local/nodes/aliases.ts';

test('a number stays a node’s own, and is found again', () => {
  const aliases = new Aliases({ live: () => true });
  expect(['a', 'b', 'a'].map((id) => aliases.of(id))).toEqual([1, 2, 1]);
  expect([aliases.nodeOf(2), aliases.nodeOf(3), aliases.has('b'), aliases.has('c')]).toEqual([
    'b',
    undefined,
    2,
    undefined,
  ]);
  expect(aliases.takeChanged()).toEqual(new Set([1, 2]));
  expect(aliases.takeChanged()).toEqual(new Set());
});

test('after a restart: the same numbers, and none that may have been given since the last word', () => {
  const before = new Aliases({ live: () => true });
  const { reserved } = before;
  for (const id of ['a', 'b', 'lost']) before.of(id);
  expect(before.next).toBeLessThan(reserved);
  const after = new Aliases({ live: () => true });
  expect([after.restore(1, 'a'), after.restore(2, 'b')]).toEqual([true, true]);
  after.resume(reserved);
  expect(after.of('a')).toBe(1);
  expect(after.of('new')).toBe(reserved);
});

test('what is restored is checked', () => {
  const aliases = new Aliases({ live: () => true, max: 2 });
  expect(aliases.restore(7, 'a')).toBe(true);
  for (const [number, id] of [
    [7, 'b'],
    [8, 'a'],
    [0, 'b'],
    [1.5, 'b'],
    [2 ** 31, 'b'],
  ] as const)
    expect(aliases.restore(number, id)).toBe(false);
  expect(aliases.of('b')).toBe(8);
  expect(aliases.restore(9, 'c')).toBe(false);
});

test('when there are too many, those that nobody means make room, and their numbers are not given again', () => {
  const live = new Set(['n0', 'n1']);
  const aliases = new Aliases({ live: (id) => live.has(id), max: 4 });
  for (let i = 0; i < 6; i++) aliases.of(`n${i}`);
  expect([aliases.size, aliases.dropped]).toEqual([4, 2]);
  expect([aliases.of('n0'), aliases.of('n1'), aliases.nodeOf(3), aliases.nodeOf(4)]).toEqual([
    1,
    2,
    undefined,
    undefined,
  ]);
  expect(aliases.of('n2')).toBe(7);
  for (let i = 0; i < 9; i++) live.add(`n${i}`);
  aliases.of('n8');
  expect(aliases.has('n0')).toBeUndefined();
});

test('numbers begin anew after 2^31, and pass over those that are taken', () => {
  const aliases = new Aliases({ live: () => true });
  aliases.restore(1, 'a');
  aliases.restore(2 ** 31 - 1, 'z');
  expect(aliases.of('b')).toBe(2);
});
