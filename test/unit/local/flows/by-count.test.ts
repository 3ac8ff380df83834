import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByCount } from '../../../../src/local/flows/by-count.ts';

test('the first has the greatest count, whatever steps led there', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.boolean()), { maxLength: 200 }), (steps) => {
      const byCount = new ByCount();
      const counts = new Map<number, number>();
      for (const [number, up] of steps) {
        const from = counts.get(number) ?? 0;
        const to = up ? from + 1 : Math.max(0, from - 1);
        byCount.move(number, from, to);
        counts.set(number, to);
        const greatest = Math.max(...counts.values());
        const { first } = byCount;
        expect(first === undefined ? 0 : counts.get(first)).toBe(greatest);
      }
    }),
  );
});
