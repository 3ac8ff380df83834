import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/control/book/entry.ts';
import { readBook, writeBook } from '../../src/control/book/file.ts';
import { importEntries } from '../../src/control/commands/import.ts';
import { exportView } from '../../src/control/views/export.ts';
import type { Record, Subject, Terms } from '../../src/policy/records.ts';
import { state } from '../unit/control/past.ts';
import { type House, house, how } from '../unit/control/two-devices.ts';

/** Words as people, devices and other routers may choose them. */
const word = fc
  .oneof(
    fc.constantFrom(
      'tv',
      'home',
      'group:kids',
      '- x',
      '# no',
      '"',
      "'",
      ': ',
      'yes',
      '1',
      'null',
      '&a',
      '*a',
      '!b',
      '|',
      '(02:00:00:00:01:01)',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  )
  .map((text) => text.trim())
  .filter((text) => text !== '' && Buffer.byteLength(text) <= 200 && text.isWellFormed());

const terms: fc.Arbitrary<Terms> = fc
  .record({
    for: fc.option(fc.integer({ min: 1, max: 500 * 86_400 }), { nil: undefined }),
    until: fc.option(fc.integer({ min: 4e12, max: 8e12 }), { nil: undefined }),
    windows: fc.option(
      fc.array(
        fc.record({ days: fc.integer({ min: 1, max: 127 }), from: fc.nat(1_439), to: fc.nat(1_439) }),
        { minLength: 1, maxLength: 4 },
      ),
      { nil: undefined },
    ),
    zone: fc.option(fc.constantFrom('Europe/Amsterdam', 'UTC'), { nil: undefined }),
    reason: fc.option(word, { nil: undefined }),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));

const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ kind: fc.constantFrom('block', 'allow'), a: word, b: word, terms }),
  fc.record({ kind: fc.constant('ignore'), node: word }),
  fc.record({ kind: fc.constantFrom('same', 'distinct'), x: word, y: word }),
  fc.record({ kind: fc.constant('in'), group: word, node: word }),
  fc.record({ kind: fc.constant('name'), of: word, text: word }),
) as fc.Arbitrary<Entry>;

const about = { home: 'a\nhome', left: 1 };
const texts = (entries: readonly Entry[]) =>
  [...new Set(entries.map((each) => JSON.stringify(each, keysOf(each))))].sort();
/** Keys in one order, wherever they stand. */
function keysOf(value: unknown): string[] {
  const keys = new Set<string>();
  JSON.stringify(value, (key, inner) => {
    keys.add(key);
    return inner;
  });
  return [...keys].sort();
}

/** These share two slow cores with others. */
const PATIENCE = { timeout: 30_000 };

describe('a book', PATIENCE, () => {
  it('is read as it was written, whatever people call things', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
        const book = readBook(writeBook(entries, about));
        expect(book).toMatchObject({ ok: true });
        if (book.ok) expect(texts(book.entries.map((placed) => placed.entry))).toEqual(texts(entries));
      }),
      { numRuns: 150 },
    );
  });

  it('is the same text in whatever order its entries come', () => {
    fc.assert(
      fc.property(
        fc
          .array(entry, { maxLength: 8 })
          .chain((entries) =>
            fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length })),
          ),
        ([entries, shuffled]) => {
          expect(writeBook(shuffled, about)).toBe(writeBook(entries, about));
        },
      ),
    );
  });

  it('may be rubbish: that is told with a line, never thrown', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        'bookVersion: 1\n',
        'policies:\n',
        '- block: tv\n',
        '  from: x.example\n',
        '&a ',
        '*a',
        '[',
        '{',
        '? ',
        '<<: *a\n',
        '!!binary ',
        '\t',
        '---\n',
        'for: 2h\n',
        'same: [',
        '__proto__: 1\n',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const book = readBook(pieces.join(''));
        if (!book.ok)
          expect(book.problems.every(({ line, message }) => line >= 1 && message !== '')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

function subjectIn(parts: House, n: number): Subject {
  const all: Subject[] = [
    { kind: 'device', id: parts.tv },
    { kind: 'device', id: parts.phone },
    { kind: 'device', id: 'ab'.repeat(16) },
    { kind: 'remote', id: parts.cache.addressNode('203.0.113.77') ?? '' },
    { kind: 'remote', id: 'cd'.repeat(16) },
    { kind: 'domain', domain: 'ads.example' },
    { kind: 'pattern', suffix: 'ads.example' },
    { kind: 'pattern', suffix: 'zip' },
    { kind: 'network', prefix: '198.51.100.0/24' },
    { kind: 'network', prefix: '2001:db8::/32' },
    { kind: 'group', group: 'the kids' },
    { kind: 'home' },
    { kind: 'lan' },
    { kind: 'internet' },
  ];
  return all[n % all.length] ?? { kind: 'home' };
}

describe('export, then import into an empty home with the same devices', PATIENCE, () => {
  it('makes the same policies, and a second time changes nothing', async () => {
    const record = fc.record({
      kind: fc.constantFrom('block', 'allow', 'ignore', 'same', 'distinct', 'in', 'name'),
      near: fc.nat(13),
      far: fc.nat(13),
      terms,
      text: word,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 10 }), async (all) => {
        const from = house();
        const names = new Set<number>();
        const add = all.flatMap(({ kind, near, far, terms: given, text }): Record[] => {
          const [a, b] = [subjectIn(from, near), subjectIn(from, far)];
          if (kind === 'block') return [{ kind, a, b, terms: given, apart: [] }];
          if (kind === 'allow') return [{ kind, a, b, terms: given }];
          if (kind === 'ignore') return [{ kind, node: a }];
          if (kind === 'in') return [{ kind, group: text, node: a }];
          // A second name of one thing would take the place of the first.
          if (kind === 'name') return names.has(near) || !names.add(near) ? [] : [{ kind, of: a, text }];
          return [{ kind: kind === 'same' ? 'same' : 'distinct', x: from.tv, y: from.phone }];
        });
        await from.author.write({ by: 'anna', add }, false);
        const view = exportView(from);
        const book = readBook(
          writeBook(
            view.entries.map((each) => each.entry),
            view,
          ),
        );
        expect(book).toMatchObject({ ok: true });
        if (!book.ok) return;
        const to = house();
        const request = { ...how, entries: book.entries.map((placed) => placed.entry) };
        expect(await importEntries(to, request)).toMatchObject({ problems: [] });
        expect(state(to)).toEqual(state(from));
        const size = to.replica.size;
        expect(await importEntries(to, request)).toMatchObject({ added: [], problems: [] });
        expect(to.replica.size).toBe(size);
      }),
      { numRuns: 80 },
    );
  });
});
