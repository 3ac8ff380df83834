import { expect, test } from 'vitest';
import { common, indexOf, PrefixIndex } from '../../../../src/local/enforce/prefix-index.ts';

const index = new PrefixIndex([
  '203.0.113.0/24',
  '203.0.113.16/28',
  '203.0.113.17/32',
  '10.0.0.0/8',
  '2001:db8::/32',
  '::/0',
]);

test.each([
  ['203.0.113.17', '203.0.113.17/32'],
  ['203.0.113.18', '203.0.113.16/28'],
  ['203.0.113.32', '203.0.113.0/24'],
  ['203.0.114.1', undefined],
  ['203.0.113.16/29', '203.0.113.16/28'],
  ['203.0.112.0/23', undefined],
  ['2001:db8::1', '2001:db8::/32'],
  ['2001:db9::1', '::/0'],
])('the narrowest prefix that holds %s is %s', (inner, expected) => {
  expect(index.narrowest(inner)).toBe(expected);
});

test.each([
  ['203.0.112.0/23', true],
  ['203.0.113.128/25', true],
  ['8.0.0.0/6', true],
  ['11.0.0.0/8', false],
  ['203.0.114.0/24', false],
])('meets %s: %s', (other, expected) => {
  expect(index.meets(other)).toBe(expected);
});

test('nothing holds and meets nothing', () => {
  const nothing = new PrefixIndex([]);
  expect([nothing.holds('10.0.0.1'), nothing.meets('0.0.0.0/0')]).toEqual([false, false]);
});

test.each<[string[], string[], string[]]>([
  [
    ['203.0.113.0/29', '192.0.2.1/32'],
    ['203.0.113.7/32', '192.0.2.0/30'],
    ['192.0.2.1/32', '203.0.113.7/32'],
  ],
  [['10.0.0.0/8', '10.1.0.0/16'], ['10.0.0.0/8'], ['10.0.0.0/8', '10.1.0.0/16']],
  [['10.0.0.0/8', '::/0'], ['11.0.0.0/8'], []],
  [[], ['11.0.0.0/8'], []],
])('common to %s and %s is %s', (a, b, both) => {
  expect([...common(new Set(a), new Set(b))].sort()).toEqual(both);
  expect([...common(new Set(b), new Set(a))].sort()).toEqual(both);
});

test.each([
  ['203.0.113.17/32', '203.0.113.0/24'],
  ['203.0.113.0/24', '203.0.113.0/24'],
  ['203.0.112.0/23', undefined],
  ['2001:db8::/48', '::/0'],
])('the widest prefix that holds %s is %s', (inner, expected) => {
  expect(index.widest(inner)).toBe(expected);
});

test('each set has one index, and every set its own', () => {
  const [set, same, map] = [new Set(['10.0.0.0/8']), new Set(['10.0.0.0/8']), new Map([['11.0.0.0/8', 1]])];
  expect(indexOf(set)).toBe(indexOf(set));
  expect(indexOf(same)).not.toBe(indexOf(set));
  expect([indexOf(set).holds('10.1.1.1'), indexOf(map).holds('10.1.1.1')]).toEqual([true, false]);
  expect(indexOf(map).narrowest('11.0.0.1')).toBe('11.0.0.0/8');
});
