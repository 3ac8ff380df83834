import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bridged } from '../../src/local/enforce/bridged.ts';
import { Judge } from '../../src/local/enforce/judge.ts';
import { compile } from '../../src/local/enforce/nft/compile.ts';
import { diff, whole } from '../../src/local/enforce/nft/plan.ts';
import { PrefixIndex } from '../../src/local/enforce/prefix-index.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { blockSet } from '../unit/local/enforce/block-sets.ts';
import { NftModel } from '../unit/local/enforce/nft/model.ts';
import { aBlockSet, IDS, PACKETS } from '../unit/local/enforce/small-world.ts';

const RUNS = 40;
const TABLE = 'bridge hedgerow';
const drops = (model: NftModel): boolean[] => PACKETS.map((one) => model.drops(one));

/** What the whole block set says of packets on a bridge, asked only about far ends that are near. */
function expected(blocks: BlockSet): boolean[] {
  const judge = new Judge(blocks);
  const inside = new PrefixIndex(blocks.home);
  const near = (address: string): boolean => blocks.known.has(address) || inside.holds(address);
  return PACKETS.map(
    ({ source, destination, mac }) =>
      (near(destination) && judge.blocked(source, destination, mac) !== undefined) ||
      (near(source) && judge.blocked(destination, source) !== undefined),
  );
}

/** Each block set after the one before, as the agent goes through them. */
function compiler() {
  const bridged = new Bridged();
  let last: ReturnType<typeof compile> | undefined;
  return (blocks: BlockSet) => {
    last = compile(bridged.next(blocks), { wan: [], of: 'bridged', last });
    return last.table;
  };
}

test("a bridge's table drops between near ends what the block set says, and nothing else", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(aBlockSet, (blocks) => {
      const model = new NftModel();
      model.transact(whole(compiler()(blocks), undefined, TABLE));
      expect(drops(model)).toEqual(expected(blocks));
    }),
    { numRuns: RUNS * 3 },
  );
});

test('so do the steps from one block set to the next, and no packet is treated otherwise on the way', {
  timeout: 120_000,
}, () => {
  let inSteps = 0;
  fc.assert(
    fc.property(
      fc.array(aBlockSet, { minLength: 2, maxLength: 4 }),
      fc.subarray(IDS),
      fc.array(fc.boolean(), { minLength: 37, maxLength: 97 }),
      (sequence, kept, bits) => {
        const model = new NftModel();
        const next = compiler();
        let now = blockSet([]);
        let table = next(now);
        model.transact(whole(table, undefined, TABLE));
        for (const other of sequence) {
          const owners = new Map(now.owners);
          for (const id of kept.map((one) => one.padStart(32, '0'))) {
            const one = other.owners.get(id);
            if (one !== undefined) owners.set(id, one);
          }
          const want = { ...now, owners, known: other.known, home: bits[1] ? now.home : other.home };
          const wanted = next(want);
          const { steps } = diff(table, wanted, undefined, TABLE);
          if (steps === undefined) model.transact(whole(wanted, undefined, TABLE));
          const [before, after] = [expected(now), expected(want)];
          let at = 0;
          for (const step of steps ?? []) {
            expect(step.every((line) => line.includes(` ${TABLE} `))).toBe(true);
            model.transact(step);
            inSteps += 1;
            for (const [i, packet] of PACKETS.entries()) {
              if (before[i] !== after[i]) continue;
              const dropped = model.dropsMeanwhile(packet, () => bits[at++ % bits.length] ?? false);
              expect(dropped, JSON.stringify(packet)).toBe(before[i]);
            }
          }
          expect(drops(model)).toEqual(after);
          [now, table] = [want, wanted];
        }
      },
    ),
    { numRuns: RUNS },
  );
  expect(inSteps).toBeGreaterThan(RUNS / 3);
});
