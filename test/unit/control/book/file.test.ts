import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../../src/control/book/entry.ts';
import { MAX_BOOK_BYTES, readBook, writeBook } from '../../../../src/control/book/file.ts';

const BOOK = `# The policy book of Our home.
# hedgerow import reads it: what is there already stays as it is; times ("for") count from then.

bookVersion: 1
names:
  - of: 02:00:00:00:01:01
    name: Living room TV
groups:
  kids:
    - phone (02:00:00:00:01:02)
    - tablet (02:00:00:00:01:03)
policies:
  - block: group:kids
    from: internet
    schedule: mon-fri 21:00-07:00
    zone: Europe/Amsterdam
  - block: home
    from: "*.ads.example"
  - allow: tv (02:00:00:00:01:01)
    to: school.example
    for: 1h30m
    until: 2030-01-31T07:00:00.000Z
    reason: homework
ignored:
  - remote:time.example
same:
  - one: phone (02:00:00:00:01:02)
    other: 02:00:00:00:01:04
distinct: []
`;

const ENTRIES: Entry[] = [
  { kind: 'name', of: '02:00:00:00:01:01', text: 'Living room TV' },
  { kind: 'in', group: 'kids', node: 'phone (02:00:00:00:01:02)' },
  { kind: 'in', group: 'kids', node: 'tablet (02:00:00:00:01:03)' },
  {
    kind: 'block',
    a: 'group:kids',
    b: 'internet',
    terms: { windows: [{ days: 31, from: 1_260, to: 420 }], zone: 'Europe/Amsterdam' },
  },
  { kind: 'block', a: 'home', b: '*.ads.example', terms: {} },
  {
    kind: 'allow',
    a: 'tv (02:00:00:00:01:01)',
    b: 'school.example',
    terms: { for: 5_400, until: Date.UTC(2030, 0, 31, 7), reason: 'homework' },
  },
  { kind: 'ignore', node: 'remote:time.example' },
  { kind: 'same', x: 'phone (02:00:00:00:01:02)', y: '02:00:00:00:01:04' },
];

describe('a book', () => {
  it('is written for people to read, compare and change', () => {
    expect(writeBook([...ENTRIES].reverse(), { home: 'Our home', left: 0 })).toBe(BOOK);
  });

  it('is read with the line of each entry', () => {
    const book = readBook(BOOK);
    expect(book).toMatchObject({ ok: true, entries: ENTRIES.map((entry) => ({ entry })) });
    expect(book.ok && book.entries.map(({ line }) => line)).toEqual([6, 10, 11, 13, 17, 19, 25, 27]);
  });

  it('says what it could not hold', () => {
    expect(writeBook([], { home: 'Our home', left: 2 })).toContain('# 2 records need a newer Hedgerow');
  });

  it('may be nearly empty', () => {
    expect(readBook('bookVersion: 1\npolicies:\ngroups: {kids: }\n')).toEqual({ ok: true, entries: [] });
  });

  const bomb = ['bookVersion: 1', 'a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [n, name] of [...'bcdefghi'].entries()) {
    const before = 'abcdefghi'[n];
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`);
  }

  it.each([
    ['is empty', '', 1, /no policy book/],
    ['is something else', '- a\n- b\n', 1, /no policy book/],
    ['is of a later version', 'bookVersion: 2\n', 1, /bookVersion/],
    ['is no YAML', 'bookVersion: 1\npolicies: [\n', 3, /./],
    ['has a word that no book has', 'bookVersion: 1\npolices: []\n', 2, /polices: a book has no such entry/],
    ['has a key twice', 'bookVersion: 1\npolicies: []\npolicies: []\n', 3, /"policies" stands here twice/],
    ['has half a policy', 'bookVersion: 1\npolicies:\n  - block: tv\n', 3, /"from: <what>"/],
    [
      'mixes a block and an allow',
      'bookVersion: 1\npolicies:\n  - block: tv\n    to: x.example\n',
      3,
      /"allow: <device>"/,
    ],
    [
      'has a time that is none',
      'bookVersion: 1\npolicies:\n  - block: tv\n    from: x.example\n    for: ever\n',
      5,
      /"ever" is not a length of time/,
    ],
    [
      'has a moment that is none',
      'bookVersion: 1\npolicies:\n  - block: tv\n    from: x.example\n    until: noon\n',
      5,
      /not a moment/,
    ],
    [
      'has a schedule that is none',
      'bookVersion: 1\npolicies:\n  - block: tv\n    from: x.example\n    schedule: always\n',
      5,
      /schedule/,
    ],
    ['is a bomb of aliases', bomb.join('\n'), 1, /alias/],
    ['is nested beyond all bounds', '['.repeat(20_000), 1, /./],
    ['is larger than any book', ' '.repeat(MAX_BOOK_BYTES + 1), 1, /larger than 5 MB/],
  ])('that %s is refused with the line', (_, text, line, message) => {
    const book = readBook(text);
    expect(book).toMatchObject({
      ok: false,
      problems: expect.arrayContaining([{ line, message: expect.stringMatching(message) }]),
    });
  });
});
