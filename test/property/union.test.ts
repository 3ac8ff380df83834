import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lacking, Union, unionOf } from '../../src/local/enforce/union.ts';

/** Few enough that parts have elements in common. */
const element = fc.integer({ min: 0, max: 30 }).map(String);
const parts = fc.array(fc.uniqueArray(element, { maxLength: 12 }), { minLength: 1, maxLength: 8 });
/** Parts, of which a union takes some. Those that two unions take are the same objects. */
const twoUnions = parts.chain((all) => {
  const sets = all.map((one): ReadonlySet<string> => new Set(one));
  return fc.tuple(fc.subarray(sets), fc.subarray(sets));
});

const plain = (sets: readonly ReadonlySet<string>[]): ReadonlySet<string> =>
  new Set(sets.flatMap((one) => [...one]));
const sorted = (all: Iterable<string>): string[] => [...all].sort();

test('a union is a set like any other, whatever it is asked first', () => {
  fc.assert(
    fc.property(twoUnions, fc.array(element), fc.nat(40), ([some, others], asked, questions) => {
      const [all, other] = [plain(some), plain(others)];
      const fresh = () => new Union(some);
      const union = fresh();
      for (const one of asked) expect(union.has(one)).toBe(all.has(one));
      union.expect(questions);
      for (const one of asked) expect(union.has(one)).toBe(all.has(one));
      expect(fresh().size).toBe(all.size);
      for (const list of [[...fresh()], [...fresh().keys()], [...fresh().values()]])
        expect(sorted(list)).toEqual(sorted(all));
      expect(sorted([...fresh().entries()].flat())).toEqual(sorted([...all, ...all]));
      const each: string[] = [];
      fresh().forEach((one) => void each.push(one));
      expect(sorted(each)).toEqual(sorted(all));
      expect(sorted(fresh().union(other))).toEqual(sorted(all.union(other)));
      expect(sorted(fresh().intersection(other))).toEqual(sorted(all.intersection(other)));
      expect(sorted(fresh().difference(other))).toEqual(sorted(all.difference(other)));
      expect(sorted(fresh().symmetricDifference(other))).toEqual(sorted(all.symmetricDifference(other)));
      expect(fresh().isSubsetOf(other)).toBe(all.isSubsetOf(other));
      expect(fresh().isSupersetOf(other)).toBe(all.isSupersetOf(other));
      expect(fresh().isDisjointFrom(other)).toBe(all.isDisjointFrom(other));
      // And the other way round, as an argument.
      expect(sorted(other.difference(fresh()))).toEqual(sorted(other.difference(all)));
      expect(other.isSubsetOf(fresh())).toBe(other.isSubsetOf(all));
    }),
  );
});

test('what one has and the other lacks is the same as of plain sets, of each kind', () => {
  fc.assert(
    fc.property(twoUnions, ([some, others]) => {
      const [all, other] = [plain(some), plain(others)];
      const wanted = sorted(all.difference(other));
      const kinds = [() => new Union(others), () => other];
      for (const b of kinds) {
        expect(sorted(lacking(new Union(some), b()))).toEqual(wanted);
        expect(sorted(lacking(all, b()))).toEqual(wanted);
      }
      expect(sorted(lacking(new Union(some)))).toEqual(sorted(all));
      expect(new Union([...some]).size).toBe(all.size);
    }),
    { numRuns: 1_000 },
  );
});

test('a union of the same sets is the one that is known, one of others is not', () => {
  fc.assert(
    fc.property(twoUnions, ([some, others]) => {
      const known = new Union(some);
      expect(unionOf(some.toReversed(), known)).toBe(known);
      const same = known.parts.symmetricDifference(new Union(others).parts).size === 0;
      expect(unionOf(others, known) === known).toBe(same);
    }),
  );
});
