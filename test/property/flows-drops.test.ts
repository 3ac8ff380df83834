import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Counter } from '../../src/local/enforce/backend.ts';
import { Drops } from '../../src/local/flows/drops.ts';

describe('drops', () => {
  const beat = fc.record({
    drops: fc.array(fc.record({ n: fc.nat(5), packets: fc.integer({ min: 1, max: 5 }) }), { maxLength: 6 }),
    begin: fc.option(fc.nat(5), { nil: undefined }),
    learn: fc.option(fc.nat(5), { nil: undefined }),
    reads: fc.boolean(),
  });

  test('never more than was dropped; all of it when no counter begins anew unseen', () => {
    fc.assert(
      fc.property(fc.array(beat, { maxLength: 40 }), (beats) => {
        const known = new Set<string>();
        const at = (address: string) => (known.has(address) ? `node of ${address}` : undefined);
        const drops = new Drops({ isLan: () => true, deviceAt: at, remoteAt: () => undefined });
        drops.take([], 0);
        const kernel = new Map<string, number>();
        const [dropped, told] = [new Map<string, number>(), new Map<string, number>()];
        const lossy = new Set<string>();
        const unread = new Set<string>();
        /** What the last reading showed of counters that have begun anew since. */
        const begun = new Map<string, number>();
        const shown = new Map<string, number>();
        const plus = (map: Map<string, number>, key: string, n: number) =>
          map.set(key, (map.get(key) ?? 0) + n);
        const read = () => {
          const reading: Counter[] = [...kernel].map(([address, packets]) => ({
            owner: 'tv',
            remote: address,
            packets,
            bytes: packets * 60,
          }));
          for (const { other, packets, bytes } of drops.take(reading, 0)) {
            expect(bytes).toBe(packets * 60);
            plus(told, other, packets);
          }
          // One that is above what it was looks as if it had gone on.
          for (const [address, packets] of begun)
            if (packets > 0 && (kernel.get(address) ?? 0) >= packets) lossy.add(address);
          begun.clear();
          shown.clear();
          for (const [address, packets] of kernel) shown.set(address, packets);
          for (const address of kernel.keys()) if (known.has(address)) unread.delete(address);
        };
        for (const { drops: some, begin, learn, reads } of beats) {
          for (const { n, packets } of some) {
            const address = `192.168.1.${n}`;
            plus(kernel, address, packets);
            plus(dropped, address, packets);
            unread.add(address);
          }
          if (begin !== undefined) {
            const address = `192.168.1.${begin}`;
            kernel.delete(address);
            begun.set(address, shown.get(address) ?? 0);
            if (unread.has(address)) lossy.add(address);
          }
          if (learn !== undefined) known.add(`192.168.1.${learn}`);
          if (reads) read();
        }
        for (const n of [0, 1, 2, 3, 4, 5]) known.add(`192.168.1.${n}`);
        read();
        for (const [address, packets] of dropped) {
          const got = told.get(`node of ${address}`) ?? 0;
          expect(got).toBeLessThanOrEqual(packets);
          if (!lossy.has(address)) expect(got).toBe(packets);
        }
        const totals = new Map([...drops.totals()].map(({ other, packets }) => [other, packets]));
        expect(totals).toEqual(told);
      }),
    );
  });
});
