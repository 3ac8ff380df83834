import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lines } from '../../src/control/lines.ts';

describe('lines', () => {
  it('are the same however they come, and nothing longer than allowed is kept', () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom('\n', '\n\n', 'x\ny', ''),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 60 }), (pieces, most) => {
        const lines = new Lines(most);
        const all = pieces.join('').split('\n');
        const told: string[] = [];
        for (const text of pieces) {
          const more = lines.take(text);
          if (more === undefined) {
            // One that is told, or the one that has begun, is too long.
            expect(all.some((line) => line.length > most)).toBe(true);
            return;
          }
          told.push(...more);
        }
        expect(told).toEqual(all.slice(0, -1));
        expect(lines.pending).toBe(all.at(-1) !== '');
      }),
      { numRuns: 2_000 },
    );
  });

  it('cost the same a byte at a time', () => {
    const lines = new Lines(1 << 20);
    for (let i = 0; i < 300_000; i++) lines.take('x');
    expect(lines.take('\n')?.[0]?.length).toBe(300_000);
  });
});
