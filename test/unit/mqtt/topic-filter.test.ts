import { describe, expect, it } from 'vitest';
import { covers, filterPattern, isFilter, isTopic } from '../../../src/mqtt/topic-filter.ts';

describe('filters of topics (MQTT 5, 4.7)', () => {
  for (const [filter, topic, expected] of [
    ['#', 'a', true],
    ['#', '/', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a/#', 'a', true],
    ['a/#', 'a/', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['+/+', '/x', true],
    ['/+', '/x', true],
    ['+', '/x', false],
    ['a/b', 'a/b', true],
    ['a.b', 'axb', false],
    ['a/+/c', 'a/b/c', true],
    ['a/+/#', 'a/b', true],
    ['a/+/#', 'a', false],
  ] as const)
    it(`${filter} ${expected ? 'covers' : 'does not cover'} ${topic}`, () => {
      expect(covers(filter, topic)).toBe(expected);
      expect(filterPattern([filter]).test(topic)).toBe(expected);
    });

  it('no filters cover nothing, several what any of them does', () => {
    expect(filterPattern([]).test('')).toBe(false);
    expect(filterPattern([]).test('a')).toBe(false);
    expect(['a', 'b/c', 'd'].map((topic) => filterPattern(['a', 'b/#']).test(topic))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('knows what is a topic, and what is a filter', () => {
    expect(
      ['a', '/', 'a/b c', 'é', 'a/+', '#', '', 'a\u0000', 'a\n', '\ud800', 'x'.repeat(257)].filter(isTopic),
    ).toEqual(['a', '/', 'a/b c', 'é']);
    expect(
      ['a', '#', '+', 'a/+/b/#', '/', 'a+', '+a', 'a/#/b', '##', 'a#', '', 'a\u0001'].filter(isFilter),
    ).toEqual(['a', '#', '+', 'a/+/b/#', '/']);
  });
});
