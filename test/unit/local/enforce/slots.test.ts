import { expect, test } from 'vitest';
import { assignSlots, groupOf } from '../../../../src/local/enforce/slots.ts';

test.each([
  ['new owners get the lowest free slots', {}, ['a', 'b'], { a: 0, b: 1 }],
  ['owners keep theirs', { a: 5 }, ['b', 'a'], { a: 5, b: 0 }],
  ['a slot whose owner goes now is not given away now', { a: 0 }, ['b'], { b: 1 }],
  ['a slot whose owner has gone is', { b: 1 }, ['b', 'c'], { b: 1, c: 0 }],
  [
    'of two owners with one slot in a damaged memory the first keeps it',
    { a: 3, b: 3 },
    ['a', 'b'],
    { a: 3, b: 0 },
  ],
])('%s', (_, held, owners, expected) => {
  expect(Object.fromEntries(assignSlots(new Map(Object.entries(held)), owners))).toEqual(expected);
});

test('nothing changed is told by the same object', () => {
  const held = new Map([['a', 0]]);
  expect(assignSlots(held, ['a'])).toBe(held);
});

test('eight slots are a group', () => {
  expect([0, 7, 8, 15, 16].map(groupOf)).toEqual([0, 0, 1, 1, 2]);
});
