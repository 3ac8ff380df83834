import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Compiled, compile } from '../../src/local/enforce/nft/compile.ts';
import { Attribution, countersOf } from '../../src/local/enforce/nft/counters.ts';
import { driftOf } from '../../src/local/enforce/nft/drift.ts';
import { decodePrefix, encodePrefix } from '../../src/local/enforce/nft/names.ts';
import { diff, whole } from '../../src/local/enforce/nft/plan.ts';
import { ownWriting, parseListing } from '../../src/local/enforce/nft/read.ts';
import { elementsOf } from '../../src/local/enforce/nft/table.ts';
import { canonicalAddress, prefixOf } from '../../src/policy/address.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { NftModel } from '../unit/local/enforce/nft/model.ts';
import { aBlockSet, expected, IDS, PACKETS, wans } from '../unit/local/enforce/small-world.ts';

/** Each run looks at some ten thousand packets. */
const RUNS = 60;

const drops = (model: NftModel): boolean[] => PACKETS.map((one) => model.drops(one));

/** Fails unless the model holds the table and nothing else. */
function holdsExactly(model: NftModel, { table }: Compiled): void {
  const held = [...model.sets].map(([name, { elements }]) => [name, [...elements].sort()] as const);
  const wanted = [...table.sets].map(([name, set]) => [name, [...elementsOf(set)].sort()] as const);
  expect(new Map(held)).toEqual(new Map(wanted));
  expect(new Map(model.chains)).toEqual(new Map([...table.chains].map(([name, { rules }]) => [name, rules])));
}

test('a table drops what the block set says, and no other packet', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(wans, aBlockSet, (wan, blocks) => {
      const model = new NftModel();
      model.transact(whole(compile(blocks, { wan }).table));
      expect(drops(model)).toEqual(expected(blocks));
    }),
    { numRuns: RUNS * 5 },
  );
});

/**
 * Fails if a packet that was dropped before and shall be dropped after passes while a transaction comes into force, or one
 * that passed before and shall pass after is dropped. Which lookups see what is new is drawn.
 */
function watch(
  model: NftModel,
  before: readonly boolean[],
  after: readonly boolean[],
  bits: readonly boolean[],
): void {
  let at = 0;
  const isNew = (): boolean => bits[at++ % bits.length] ?? false;
  for (const [i, packet] of PACKETS.entries()) {
    if (before[i] !== after[i]) continue;
    const dropped = model.dropsMeanwhile(packet, isNew);
    if (dropped !== before[i])
      throw new Error(`${dropped ? 'was dropped' : 'leaked'}: ${JSON.stringify(packet)}`);
  }
}

const lookups = fc.array(fc.boolean(), { minLength: 37, maxLength: 97 });

test('differences lead to the wanted block set, and no packet is treated otherwise than before and after', {
  timeout: 120_000,
}, () => {
  let inSteps = 0;
  fc.assert(
    fc.property(
      wans,
      fc.array(aBlockSet, { minLength: 2, maxLength: 4 }),
      fc.subarray(IDS),
      lookups,
      (wan, sequence, kept, bits) => {
        const model = new NftModel();
        let last = compile(blockSet([]), { wan });
        let now = blockSet([]);
        model.transact(whole(last.table));
        for (const other of sequence) {
          // Much stays as it is, as it does in a house.
          const owners = new Map(now.owners);
          for (const id of kept) {
            const one = other.owners.get(id.padStart(32, '0'));
            if (one !== undefined) owners.set(one.id, one);
          }
          const want = {
            ...now,
            owners,
            known: other.known,
            everyone: bits[0] ? now.everyone : other.everyone,
          };
          const next = compile(want, { wan, last });
          const { steps } = diff(last.table, next.table);
          if (steps === undefined) model.transact(whole(next.table));
          for (const step of steps ?? []) {
            model.transact(step);
            inSteps += 1;
            watch(model, expected(now), expected(want), bits);
          }
          expect(drops(model)).toEqual(expected(want));
          holdsExactly(model, next);
          last = next;
          now = want;
        }
      },
    ),
    { numRuns: RUNS * 3 },
  );
  expect(inSteps).toBeGreaterThan(RUNS);
});

test('a table in place of any other is the wanted one', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(aBlockSet, aBlockSet, (earlier, want) => {
      const model = new NftModel();
      model.transact(whole(compile(earlier, { wan: [] }).table));
      const compiled = compile(want, { wan: [] });
      model.transact(whole(compiled.table));
      holdsExactly(model, compiled);
    }),
    { numRuns: RUNS },
  );
});

test('a table made from the last one is the same as one made from nothing, and an unchanged one needs no command', {
  timeout: 60_000,
}, () => {
  fc.assert(
    fc.property(aBlockSet, aBlockSet, fc.subarray(IDS), (earlier, other, kept) => {
      const owners = new Map(other.owners);
      for (const id of kept.map((one) => one.padStart(32, '0'))) {
        const same = earlier.owners.get(id);
        if (same !== undefined) owners.set(id, same);
      }
      const want = { ...other, owners };
      const made = compile(want, { wan: [], last: compile(earlier, { wan: [] }) });
      const anew = compile(want, { wan: [] });
      expect(made.table).toEqual(anew.table);
      expect(made.refused).toBe(anew.refused);
      expect(diff(made.table, anew.table).steps).toEqual([]);
      expect(diff(made.table, compile(want, { wan: [], last: made }).table).steps).toEqual([]);
    }),
  );
});

test('a prefix is found again in the address that stands for it', () => {
  const prefix = fc.oneof(
    fc
      .tuple(fc.integer({ min: 1, max: 31 }), fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }))
      .map(([length, bits]) => prefixOf((bits >> BigInt(32 - length)) << BigInt(32 - length), length, 4)),
    fc
      .tuple(fc.integer({ min: 1, max: 127 }), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }))
      .map(([length, bits]) => prefixOf((bits >> BigInt(128 - length)) << BigInt(128 - length), length, 6)),
  );
  fc.assert(fc.property(prefix, (one) => decodePrefix(encodePrefix(one)) === one));
  // The text of the address is canonical too, for it is compared with what the tool prints.
  const short = fc.tuple(fc.integer({ min: 1, max: 64 }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
  const usual = short.map(([length, bits]) =>
    prefixOf((bits >> BigInt(64 - length)) << BigInt(128 - length), length, 6),
  );
  fc.assert(
    fc.property(fc.oneof(prefix, usual), (one) => {
      expect(canonicalAddress(encodePrefix(one))).toBe(encodePrefix(one));
      expect(decodePrefix(encodePrefix(one))).toBe(one);
    }),
    { numRuns: 500 },
  );
});

test('no element that a tool could misread gets into a table', { timeout: 60_000 }, () => {
  const rubbish = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '192.168.1.20\nflush ruleset',
      '1.2.3.4 }; flush ruleset; #',
      'example.org',
      '10.0.0.0/8',
      'fe80::1%eth0',
      '::ffff:1.2.3.4',
      '1.2.3',
      '192.168.1.1-192.168.1.9',
      '',
    ),
  );
  fc.assert(
    fc.property(fc.array(rubbish), fc.array(rubbish), (addresses, prefixes) => {
      const wide = { networks: prefixes, exceptions: addresses, exceptedNetworks: prefixes, internet: true };
      const one = owner(
        '1',
        ['192.168.1.20', ...addresses],
        addresses,
        ['02:aa:00:00:00:01', ...addresses],
        wide,
      );
      const blocks = blockSet([one], {
        home: prefixes,
        guard: prefixes,
        everyone: addresses,
        known: addresses,
      });
      const { table, refused } = compile(blocks, { wan: [] });
      for (const set of table.sets.values())
        for (const element of elementsOf(set))
          expect(element).toMatch(
            /^[0-9a-f.:]+(\/\d+)?( \. [0-9a-f.:]+)?( : jump wide[46]_[nil]+_[oim](_\d)?)?$/,
          );
      if (addresses.includes('example.org')) expect(refused).toBeGreaterThan(0);
    }),
  );
});

test('readers of what the tool prints never throw', { timeout: 60_000 }, () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom('inet', '1.2.3.4', 'hit_p4', 'drop_p4_o', 'fe80::1'),
  );
  const item = fc.dictionary(
    fc.constantFrom('chain', 'rule', 'set', 'map', 'table', 'metainfo'),
    fc.oneof(
      leaf,
      fc.record(
        {
          name: fc.oneof(fc.constantFrom('hit_p4', 'drop_p4_o', 'u4'), leaf),
          chain: leaf,
          handle: leaf,
          hook: leaf,
          elem: fc.oneof(
            leaf,
            fc.array(
              fc.oneof(
                leaf,
                fc.json().map((one) => JSON.parse(one) as unknown),
              ),
            ),
          ),
          expr: fc.array(fc.oneof(leaf, fc.record({ counter: fc.record({ packets: leaf, bytes: leaf }) }))),
        },
        { requiredKeys: [] },
      ),
    ),
  );
  const attribution = new Attribution(blockSet([owner('1', ['1.2.3.4'], ['1.2.3.5'])]));
  const { table } = compile(blockSet([]), { wan: [] });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(item).map((nftables) => JSON.stringify({ nftables })),
      ),
      (text) => {
        const found = parseListing(text);
        if (found === undefined) return;
        driftOf(table, found, undefined, true);
        countersOf(found.counts, attribution);
      },
    ),
  );
  fc.assert(fc.property(fc.string(), fc.boolean(), (text, interval) => void ownWriting(text, interval)));
});
