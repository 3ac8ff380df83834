import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elementDriftOf, thoroughEvery } from '../../../../src/local/enforce/drift.ts';
import { madeOtherwise, parseMade } from '../../../../src/local/enforce/resync.ts';
import { compile } from '../../../../src/local/enforce/rulebook.ts';
import { assignSlots } from '../../../../src/local/enforce/slots.ts';
import { blockSet, owner } from './block-sets.ts';

const blocks = blockSet([
  owner('1', ['192.168.1.20', '2001:db8::20'], ['203.0.113.7', '64:ff9b::c000:201'], [], {
    networks: ['198.51.100.0/24', '192.0.2.1/32'],
  }),
]);
const rulebook = compile(blocks, assignSlots(new Map(), blocks.owners.keys()), { wan: [] });
const held = (): Map<string, Set<string>> =>
  new Map([...rulebook.sets].map(([name, { elements }]) => [name, new Set(elements)]));

test('the elements that were put in are found, in the kernel’s writing too', () => {
  expect(elementDriftOf(rulebook, held())).toEqual([]);
  const printed = held();
  printed.set('hedge-n0-4', new Set(['198.51.100.0/24', '192.0.2.1']));
  printed.set('hedge-r0-6', new Set(['64:ff9b::192.0.2.1']));
  expect(elementDriftOf(rulebook, printed)).toEqual([]);
});

test('one more, one less, and another one in the place of one are told', () => {
  for (const other of [[], ['203.0.113.8'], ['203.0.113.7', '203.0.113.8'], ['rubbish']]) {
    const changed = held();
    changed.set('hedge-r0-4', new Set(other));
    expect(elementDriftOf(rulebook, changed)).toEqual([
      { what: 'set', name: 'hedge-r0-4', detail: 'other elements' },
    ]);
  }
  expect(elementDriftOf(rulebook, new Map()).length).toBeGreaterThan(0);
});

test('elements are compared at each check where that is quick, else more seldom', () => {
  expect([0, 100, 101, 550, 60_000].map((ms) => thoroughEvery(rulebook, ms))).toEqual([1, 1, 2, 6, 6]);
  const elements = new Set(Array.from({ length: 50_001 }, (_, n) => `${n}`));
  const sets = new Map([['hedge-R-4', { letter: 'R', family: 4, index: undefined, elements } as const]]);
  expect([1_000, 60_000].map((ms) => thoroughEvery({ ...rulebook, sets }, ms))).toEqual([10, 60]);
});

const listed = (name: string, type: string, header: string): string =>
  `Name: ${name}\nType: ${type}\nRevision: 6\nHeader: ${header}\nSize in memory: 216\nReferences: 1\nNumber of entries: 2\n\n`;

test('how a set was made is read from ipset’s list, and what we would not make so is told', () => {
  const chosen = 'hashsize 1024 maxelem 1048576';
  const text = [
    listed('hedge-L-4', 'hash:ip', `family inet ${chosen} bucketsize 12 initval 0x391c079e`),
    listed('hedge-r0-6', 'hash:ip', `family inet6 ${chosen} counters bucketsize 12 initval 0x1`),
    listed('hedge-r1-6', 'hash:ip', `family inet6 ${chosen} bucketsize 12 initval 0x1`),
    listed('hedge-H-4', 'hash:net', 'family inet hashsize 64 maxelem 65536'),
    listed('hedge-U-4', 'hash:net', `family inet ${chosen} timeout 30`),
    listed('hedge-tmp-H-4', 'hash:ip', 'family inet hashsize 64 maxelem 65536'),
    listed('mine', 'hash:ip', 'family inet hashsize 64 maxelem 65536 timeout 5'),
  ].join('');
  const made = parseMade(text);
  expect(made.get('hedge-L-4')).toBe('hash:ip family inet maxelem 1048576');
  expect(made.size).toBe(7);
  const nothing = { chains: new Map(), jumps: [] };
  const look = { sizes: new Map(), made, found: { 4: nothing, 6: nothing } };
  expect(madeOtherwise(look)).toEqual(['hedge-r1-6', 'hedge-H-4', 'hedge-U-4']);
});

test('rubbish for a list is no list', () => {
  fc.assert(fc.property(fc.string(), (text) => parseMade(text).size === 0 || text.includes('Name: ')));
});
