import { expect, test } from 'vitest';
import { compile } from '../../../../../src/local/enforce/nft/compile.ts';
import { diff, sized, whole } from '../../../../../src/local/enforce/nft/plan.ts';
import { blockSet, owner } from '../block-sets.ts';

const options = { wan: ['wan0'] };
const one = owner('1', ['192.168.1.20'], ['203.0.113.7']);

test('one pair more is two elements in one transaction, and no rule', () => {
  const now = compile(blockSet([one]), options);
  const more = owner('1', ['192.168.1.20'], ['203.0.113.7', '203.0.113.8']);
  expect(diff(now.table, compile(blockSet([more]), { ...options, last: now }).table)).toEqual({
    steps: [
      [
        'add element inet hedgerow r4 { 203.0.113.8 }',
        'add element inet hedgerow p4 { 192.168.1.20 . 203.0.113.8 }',
      ],
    ],
    elements: 2,
    rules: 0,
  });
});

test('an element that goes from one owner to another has not moved', () => {
  const now = compile(blockSet([one]), options);
  const next = compile(blockSet([owner('2', ['192.168.1.20'], ['203.0.113.7'])]), { ...options, last: now });
  expect(diff(now.table, next.table).steps).toEqual([]);
});

test('what blocks comes first, what blocks no more goes in a transaction of its own', () => {
  const now = compile(blockSet([one]), options);
  const next = compile(blockSet([owner('1', ['192.168.1.20'], [], [], { internet: true })]), options);
  const [more = [], less = [], ...rest] = diff(now.table, next.table).steps ?? [];
  expect(rest).toEqual([]);
  expect(more).toContain('add element inet hedgerow s4 { 192.168.1.20 : jump wide4_i_o }');
  expect(more.every((command) => !command.startsWith('delete'))).toBe(true);
  expect(less).toEqual([
    'delete element inet hedgerow r4 { 203.0.113.7 }',
    'delete element inet hedgerow p4 { 192.168.1.20 . 203.0.113.7 }',
  ]);
});

test.each([
  ['a verdict of a map', { internet: true }, { internet: true, lan: true }],
  ['a block that comes with its exception', {}, { internet: true, exceptions: ['203.0.113.9'] }],
  ['an exception that goes with its block', { internet: true, exceptions: ['203.0.113.9'] }, {}],
])('%s wants a table in place of the other', (_, before, after) => {
  const [now, next] = [before, after].map((wide) =>
    compile(blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'], [], wide)]), options),
  );
  expect(now && next && diff(now.table, next.table).steps).toBeUndefined();
});

test('another home wants a table in place of the other', () => {
  const [now, next] = [[], ['10.0.0.0/8']].map((home) => compile(blockSet([one], { home }), options));
  expect(now && next && diff(now.table, next.table).steps).toBeUndefined();
});

test('but not while nothing is blocked: then nothing can pass or be stopped in between', () => {
  const idle = owner('1', ['192.168.1.20'], [], ['02:aa:00:00:00:02']);
  const [now, next] = [
    blockSet([idle], { home: ['192.168.1.0/24'], guard: [] }),
    blockSet([idle], { home: ['192.168.0.0/16', '10.0.0.0/8'], guard: ['192.168.2.1/32'] }),
  ].map((set) => compile(set, { ...options, of: 'bridged' as const }).table);
  if (now === undefined || next === undefined) throw new Error('no tables');
  expect(diff(now, next, undefined, 'bridge hedgerow').steps).toEqual([
    ['delete element bridge hedgerow h4 { 192.168.1.0/24 }'],
    [
      'add element bridge hedgerow u4 { 192.168.2.1/32 }',
      'add element bridge hedgerow h4 { 192.168.0.0/16, 10.0.0.0/8 }',
    ],
  ]);
});

test.each([
  ['a pair', { remotes: ['192.168.1.30'] }, {}],
  ['a remote of everyone', {}, { everyone: ['192.168.1.30'] }],
  ['the lan', { lan: true }, {}],
])('it is blocked if %s is', (_, { remotes = [], ...wide }: { remotes?: string[]; lan?: boolean }, all) => {
  const of = (home: string) => {
    const set = blockSet([owner('1', ['192.168.1.20'], remotes, ['02:aa:00:00:00:02'], wide)], {
      ...{ home: [home], ...all },
    });
    return compile(set, { ...options, of: 'bridged' as const }).table;
  };
  expect(diff(of('192.168.1.0/24'), of('192.168.0.0/16')).steps).toBeUndefined();
});

test('no command has more than 500 elements', () => {
  const remotes = Array.from({ length: 1_200 }, (_, i) => `203.0.${i >> 8}.${i & 255}`);
  const commands = whole(compile(blockSet([owner('1', ['192.168.1.20'], remotes)]), options).table);
  expect(commands.slice(0, 3)).toEqual([
    'add table inet hedgerow',
    'delete table inet hedgerow',
    'add table inet hedgerow',
  ]);
  const pairs = commands.filter((command) => command.startsWith('add element inet hedgerow p4 '));
  expect(pairs.map((command) => command.split(',').length)).toEqual([500, 500, 200]);
});

test('sets of a table that takes no further elements have their size, intervals and what counts have not', () => {
  const remotes = Array.from({ length: 700 }, (_, n) => `198.18.${n >> 8}.${n & 255}`);
  const { table } = compile(blockSet([owner('1', ['192.168.1.20'], remotes)]), options);
  const made = sized(whole(table));
  expect(made).toContain('add set inet hedgerow p4 { type ipv4_addr . ipv4_addr; size 700; }');
  expect(made).toContain('add set inet hedgerow a4 { type ipv4_addr . ipv4_addr; }');
  expect(made.filter((command) => command.includes(' flags '))).toEqual(
    whole(table).filter((command) => command.includes(' flags ')),
  );
  expect(made.map((command) => command.replace(/ size 700;| size 1;/, ''))).toEqual(whole(table));
});

test('counts go into the new table with their elements, and counts of what is gone go with the next change', () => {
  const { table } = compile(blockSet([one]), options);
  const counted = '192.168.1.20 . 203.0.113.7 counter packets 5 bytes 300';
  expect(whole(table, new Map([['hit_p4', [counted]]]))).toContain(
    `add element inet hedgerow hit_p4 { ${counted} }`,
  );
  const stale = new Map([
    ['hit_p4', ['192.168.1.20 . 203.0.113.9']],
    ['hit_i4', ['192.168.1.20']],
  ]);
  expect(diff(table, table, stale).steps).toEqual([]);
  const more = owner('1', ['192.168.1.20'], ['203.0.113.7', '203.0.113.8']);
  const [first = []] = diff(table, compile(blockSet([more]), options).table, stale).steps ?? [];
  expect(first[0]).toBe('delete element inet hedgerow hit_p4 { 192.168.1.20 . 203.0.113.9 }');
  expect(first.filter((command) => command.includes('hit_'))).toHaveLength(1);
});
