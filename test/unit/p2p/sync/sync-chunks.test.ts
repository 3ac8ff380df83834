import { describe, expect, it } from 'vitest';
import {
  CHUNK_BYTES,
  chunks,
  differing,
  flaggedChunks,
  sameMarks,
} from '../../../../src/p2p/sync/sync-chunks.ts';

const size = (n: number) => n;

describe('chunks', () => {
  it('fill up to the limit, keep the order, and let a large item go alone', () => {
    const third = CHUNK_BYTES / 3;
    expect([...chunks([third, third, third, 1, CHUNK_BYTES * 2, 2], size)]).toEqual([
      [third, third, third],
      [1],
      [CHUNK_BYTES * 2],
      [2],
    ]);
    expect([...chunks([], size)]).toEqual([]);
  });

  it('are flagged at the last one, which there always is', () => {
    expect([...flaggedChunks([], size)]).toEqual([{ part: [], last: true }]);
    expect([...flaggedChunks([CHUNK_BYTES, 1], size)]).toEqual([
      { part: [CHUNK_BYTES], last: false },
      { part: [1], last: true },
    ]);
  });
});

it('differing finds the peers that either side holds otherwise, the same on both sides', () => {
  const ours = new Map([
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ]);
  const theirs = new Map([
    ['d', '4'],
    ['b', '9'],
    ['a', '1'],
  ]);
  expect(differing(ours, theirs)).toEqual(['b', 'c', 'd']);
  expect(differing(theirs, ours)).toEqual(['b', 'c', 'd']);
});

it.each([
  [new Map(), new Map(), true],
  [new Map([['a', { gen: 1, rev: 2 }]]), new Map([['a', { gen: 1, rev: 2 }]]), true],
  [new Map([['a', { gen: 1, rev: 2 }]]), new Map([['a', { gen: 1, rev: 3 }]]), false],
  [new Map([['a', { gen: 1, rev: 2 }]]), new Map([['b', { gen: 1, rev: 2 }]]), false],
  [new Map([['a', { gen: 1, rev: 2 }]]), new Map(), false],
])('sameMarks(%j, %j): %s', (a, b, same) => {
  expect(sameMarks(a, b)).toBe(same);
});
