import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/policy/crypto.ts';
import { Ledger, NOT_HELD } from '../../../src/policy/ledger.ts';
import type { Entry } from '../../../src/policy/ledger-entry.ts';
import { decodePage, encodePage, isPageOf } from '../../../src/policy/ledger-page.ts';
import { OpIndex } from '../../../src/policy/op-index.ts';
import { run } from '../../support/household.ts';

/** An id whose first bytes say where it wants to lie, so that ids can be made to collide. */
function idOf(n: number, slot = n * 2_654_435_761): Uint8Array {
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(0, slot >>> 0);
  new DataView(id.buffer).setUint32(28, n);
  return id;
}

const actor = (n: number) => ({ peer: n.toString(16).padStart(64, '0'), run: run(n) });

/** What ops may look like, in numbers: whom each follows, what it adds, and what it names, also what never comes. */
const shapes = fc.array(
  fc.record({
    follows: fc.nat(),
    begins: fc.boolean(),
    author: fc.nat(3),
    kinds: fc.array(fc.nat(10), { maxLength: 3 }),
    over: fc.array(fc.record({ op: fc.nat(60), index: fc.nat(4) }), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 48 },
);

type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

const entriesOf = (shape: Shape): Entry[] =>
  shape.map(({ follows, begins, author, kinds, over }, n) => ({
    ids: idOf(n),
    at: 0,
    follows: begins || n === 0 ? actor(author) : follows % n,
    kinds,
    over: over
      .filter(({ op }) => op !== n)
      .map(({ op, index }) => (op < n ? { op, index } : { id: idOf(op), index })),
  }));

function ledgerOf(entries: readonly Entry[]): Ledger {
  const ledger = new Ledger();
  for (const entry of entries) ledger.claim(ledger.append(entry));
  return ledger;
}

/** Everything a ledger says of an op. */
const wordsOf = (ledger: Ledger) =>
  Array.from({ length: ledger.size }, (_, n) => ({
    id: ledger.idOf(n),
    parent: ledger.parentOf(n),
    seq: ledger.seqOf(n),
    chain: `${ledger.chainOf(n).peer} ${ledger.chainOf(n).run} ${ledger.chainOf(n).newest}`,
    kinds: Array.from({ length: ledger.recordsOf(n) }, (__, i) => ledger.kindAt(ledger.recordsFrom(n) + i)),
    names: Array.from({ length: ledger.namesFrom(n + 1) - ledger.namesFrom(n) }, (__, i) => {
      const name = ledger.namesFrom(n) + i;
      return `${ledger.namedOp(name)} ${toHex(ledger.namedIdOf(name))}/${ledger.namedIndex(name)}`;
    }),
  }));

describe('the index of ops', () => {
  it('finds every id, whichever slots they want', () => {
    const index = new OpIndex();
    const ids = Array.from({ length: 3_000 }, (_, n) => idOf(n, n % 7));
    for (const [n, id] of ids.entries()) {
      expect(index.find(id)).toBe(-1);
      expect(index.add(id)).toBe(n);
    }
    for (const [n, id] of ids.entries()) expect(index.find(id)).toBe(n);
    expect(index.find(new Uint8Array(31))).toBe(-1);
  });
});

describe('the ledger', () => {
  it('resolves a name when its op arrives, and tells who had named it', () => {
    const ledger = new Ledger();
    const late = idOf(9);
    for (const n of [0, 1]) {
      const over = [
        { id: late, index: n },
        { id: idOf(8), index: 0 },
      ];
      ledger.claim(ledger.append({ ids: idOf(n), at: 0, follows: actor(n), kinds: [], over }));
    }
    expect(ledger.retirersOf(toHex(late), 1)).toEqual([1]);
    expect(ledger.recordNamed(0)).toBeUndefined();
    const n = ledger.append({ ids: late, at: 0, follows: actor(2), kinds: [1], over: [] });
    expect(ledger.claim(n)).toEqual([0, 1]);
    expect(ledger.namedOp(0)).toBe(n);
    expect(ledger.recordNamed(0)).toBe(ledger.recordsFrom(n));
    // The other one named an index that the op does not have.
    expect(ledger.recordNamed(2)).toBeUndefined();
    expect(ledger.retirersOf(toHex(late), 1)).toEqual([1]);
    expect(ledger.retirersOf(toHex(idOf(8)), 0)).toEqual([0, 1]);
    expect(ledger.find('rubbish')).toBe(NOT_HELD);
  });

  it('is the same when it is read from pages, of any size', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 9 }), (shape, size) => {
        const whole = ledgerOf(entriesOf(shape));
        const copy = new Ledger();
        const pages = Math.floor(whole.size / size);
        for (let page = 0; page < pages; page++) {
          const bytes = encodePage(whole, page * size, size);
          expect(isPageOf(bytes, size)).toBe(true);
          for (const entry of decodePage(bytes, copy.size, size) ?? []) copy.claim(copy.append(entry));
          expect(copy.size).toBe((page + 1) * size);
          expect(encodePage(copy, page * size, size)).toEqual(bytes);
        }
        // A page depends on its ops and those before them alone.
        const short = ledgerOf(entriesOf(shape).slice(0, pages * size));
        expect(wordsOf(copy)).toEqual(wordsOf(short));
      }),
      { numRuns: 200 },
    );
  });
});

describe('a page', () => {
  const size = 12;
  const shape = fc.sample(shapes, { numRuns: 30, seed: 3 }).find(({ length }) => length >= size) ?? [];
  const page = encodePage(ledgerOf(entriesOf(shape)), 0, size);

  it('that is cut short or has something behind it is refused', () => {
    expect(decodePage(page, 0, size)).toHaveLength(size);
    for (let length = 0; length < page.length; length++)
      expect(decodePage(page.subarray(0, length), 0, size)).toBeUndefined();
    expect(decodePage(Uint8Array.of(...page, 0), 0, size)).toBeUndefined();
    expect(decodePage(page, 0, size + 1)).toBeUndefined();
  });

  it('of rubbish, or with bytes changed, never throws, and what is read of it can be appended', () => {
    const changed = fc
      .array(fc.record({ at: fc.nat(page.length - 1), to: fc.nat(255) }), { maxLength: 4 })
      .map((changes) => {
        const bytes = Uint8Array.from(page);
        for (const { at, to } of changes) bytes[at] = to;
        return bytes;
      });
    const begun = fc
      .uint8Array({ maxLength: 600 })
      .map((rest) => Uint8Array.of(...page.subarray(0, 2 + 32 * size), ...rest));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 900 }), changed, begun), (bytes) => {
        isPageOf(bytes, size);
        const entries = decodePage(bytes, 0, size);
        if (entries === undefined) return;
        const ledger = new Ledger();
        for (const entry of entries)
          if (ledger.findIn(entry.ids, entry.at) === NOT_HELD) ledger.claim(ledger.append(entry));
          else return;
        expect(encodePage(ledger, 0, size).length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('holds no number that would ask for memory which its bytes do not justify', () => {
    const head = page.subarray(0, 2 + 32 * size);
    const huge = [0xff, 0xff, 0xff, 0x7f];
    const begins = [0, ...(fromHex('00'.repeat(48)) ?? [])];
    for (const rest of [[...begins, ...huge], [...begins, 0, ...huge], [...huge]])
      expect(decodePage(Uint8Array.of(...head, ...rest), 0, size)).toBeUndefined();
  });
});
