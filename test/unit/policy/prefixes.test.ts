import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPrefix, PrefixSet, prefixOf, rangeOf } from '../../../src/policy/address.ts';
import { contains, without } from '../../../src/policy/prefixes.ts';

const prefix4 = fc
  .tuple(fc.nat(255), fc.nat(255), fc.integer({ min: 16, max: 32 }))
  .map(([c, d, length]) => canonicalPrefix(`203.0.${c % 4}.${d}/${length}`) ?? '');
const prefix6 = fc
  .tuple(fc.nat(0xffff), fc.integer({ min: 96, max: 128 }))
  .map(([tail, length]) => canonicalPrefix(`2001:db8::${tail.toString(16)}/${length}`) ?? '');

describe('prefixes', () => {
  it('are ranges, and back', () => {
    fc.assert(
      fc.property(fc.oneof(prefix4, prefix6), (prefix) => {
        const { first, last } = rangeOf(prefix);
        const length = Number(prefix.split('/')[1]);
        expect(prefixOf(first, length, prefix.includes(':') ? 6 : 4)).toBe(prefix);
        expect(last - first + 1n).toBe(1n << BigInt((prefix.includes(':') ? 128 : 32) - length));
      }),
    );
  });

  it('contain what lies in them, of their own family only', () => {
    expect(contains('203.0.113.0/24', '203.0.113.7')).toBe(true);
    expect(contains('203.0.113.0/24', '203.0.113.0/24')).toBe(true);
    expect(contains('203.0.113.0/25', '203.0.113.0/24')).toBe(false);
    expect(contains('0.0.0.0/0', '2001:db8::1')).toBe(false);
    expect(contains('::/0', '2001:db8::/32')).toBe(true);
  });

  it('without holes are everything else and nothing of the holes', () => {
    fc.assert(
      fc.property(
        prefix4,
        fc.array(prefix4, { maxLength: 5 }),
        fc.array(fc.nat(1_023), { maxLength: 30 }),
        (prefix, holes, tails) => {
          const parts = without(prefix, holes);
          const [kept, cut] = [new PrefixSet(parts), new PrefixSet(holes)];
          const { first, last } = rangeOf(prefix);
          for (const tail of tails) {
            const address = `203.0.${tail >> 8}.${tail & 255}`;
            const at = rangeOf(address).first;
            const inside = at >= first && at <= last;
            expect(kept.has(address)).toBe(inside && !cut.has(address));
          }
          const size = parts.reduce((sum, part) => sum + rangeOf(part).last - rangeOf(part).first + 1n, 0n);
          expect(size).toBeLessThanOrEqual(last - first + 1n);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('with holes of the other family are as they were', () => {
    expect(without('203.0.113.0/24', ['::/0'])).toEqual(['203.0.113.0/24']);
    expect(without('0.0.0.0/0', ['128.0.0.0/1'])).toEqual(['0.0.0.0/1']);
  });
});
