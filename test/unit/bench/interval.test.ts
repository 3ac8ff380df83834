import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allWithin, interval, mean, middle } from '../../../bench/interval.ts';
import { Random } from '../../sim/random.ts';

const values = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 5, maxLength: 20 });

describe('interval', () => {
  it('holds the middle, inside what was measured, and is the same each time', () => {
    fc.assert(
      fc.property(values, (group) => {
        const found = interval([group]);
        expect(found).toEqual(interval([group]));
        expect(found.at).toBe(middle(group));
        expect(found.low).toBeLessThanOrEqual(found.at + 1e-9);
        expect(found.high).toBeGreaterThanOrEqual(found.at - 1e-9);
        expect(found.low).toBeGreaterThanOrEqual(Math.min(...group) - 1e-9);
        expect(found.high).toBeLessThanOrEqual(Math.max(...group) + 1e-9);
      }),
      { numRuns: 30 },
    );
  });

  it('holds the truth nearly always', () => {
    const random = new Random(7);
    const drawn = () => 1 + (random.next() + random.next() + random.next() - 1.5) / 10;
    const held = Array.from({ length: 40 }, () => {
      const { low, high } = interval([Array.from({ length: 10 }, drawn)]);
      return low <= 1 && high >= 1;
    });
    // Of ten values the percentiles are a little narrow: not 38 of 40, but far from half.
    expect(held.filter(Boolean).length).toBeGreaterThanOrEqual(32);
  });

  it('is of what is made of several groups', () => {
    const [twos, fours, odd] = [
      [2, 2, 2, 2, 2],
      [4, 4, 4, 4, 4],
      [1, 2, 3, 2, 2],
    ] as const;
    expect(interval([twos, fours], mean)).toEqual({ at: 3, low: 3, high: 3 });
    expect(interval([odd, twos], ([a = 0, b = 0]) => a / b).at).toBe(1);
  });

  it('has no ends when too little was measured', () => {
    expect(interval([[1, 1, 1, 1]])).toEqual({ at: 1, low: -Infinity, high: Infinity });
    expect(allWithin([interval([[1]])], { least: 0.9, most: 1.1 })).toBeNull();
  });
});

it('leaves out the lowest and the highest quarter of a middle', () => {
  expect(middle([1, 2, 3, 1000])).toBe(2.5);
  expect(middle([5])).toBe(5);
});

it('says whether all are within limits, or that it cannot be told', () => {
  const [below, across, above] = [
    [0.8, 0.9],
    [0.9, 1.1],
    [1.1, 1.2],
  ].map(([low = 0, high = 0]) => ({ at: (low + high) / 2, low, high }));
  if (!below || !across || !above) throw new Error('three of them');
  expect(allWithin([above], { least: 1 })).toBe(true);
  expect(allWithin([above, across], { least: 1 })).toBeNull();
  expect(allWithin([above, across, below], { least: 1 })).toBe(false);
  expect(allWithin([above], { most: 1 })).toBe(false);
});
