import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compile } from '../../../../../src/local/enforce/nft/compile.ts';
import {
  Attribution,
  countersOf,
  HitBook,
  kept,
  written,
} from '../../../../../src/local/enforce/nft/counters.ts';
import { driftOf } from '../../../../../src/local/enforce/nft/drift.ts';
import { type Found, ownWriting, parseListing } from '../../../../../src/local/enforce/nft/read.ts';
import { blockSet, owner } from '../block-sets.ts';

const text = readFileSync(new URL('../../../../fixtures/nft/table.json', import.meta.url), 'utf8');
const blocks = (remotes = ['203.0.113.7', '::102:304']) =>
  blockSet([
    owner('1', ['192.168.1.20', '2001:db8:1::20'], remotes, ['02:aa:00:00:00:02'], {
      networks: ['198.51.100.0/24'],
      internet: true,
    }),
  ]);
const listed = (): Found => {
  const found = parseListing(text);
  if (found === undefined) throw new Error('not read');
  return found;
};

test('a listing of the real tool is read', () => {
  const found = listed();
  expect(found.there).toBe(true);
  expect(found.sets.get('p4')).toEqual(['192.168.1.20 . 203.0.113.7']);
  expect(found.sets.get('u4')).toEqual(['192.168.1.1', '224.0.0.0/4']);
  expect(found.sets.get('s4')).toEqual(['192.168.1.20 : jump wide4_ni_o']);
  expect(found.chains.get('on_forward')).toMatchObject({ hook: 'forward -10 accept' });
  expect(found.chains.get('on_forward')?.rules).toHaveLength(2);
  expect(found.counts.get('hit_p4')?.get('192.168.1.20 . 203.0.113.7')).toEqual({ packets: 5, bytes: 300 });
});

test('what is of other tables is left out, and what is no listing is none', () => {
  expect(parseListing(text, ['inet', 'other'])).toMatchObject({
    there: false,
    sets: new Map(),
    chains: new Map(),
  });
  for (const wrong of ['', '{}', '[]', '{"nftables":[1]}', text.slice(0, -9)])
    expect(parseListing(wrong)).toBeUndefined();
});

test.each([
  ['192.168.1.1', true, '192.168.1.1/32'],
  ['224.0.0.0/4', true, '224.0.0.0/4'],
  ['2001:db8:1::20 . ::1.2.3.4', false, '2001:db8:1::20 . ::102:304'],
  ['02:aa:00:00:00:02 . ::ffff:1.2.3.4', false, '02:aa:00:00:00:02 . ::ffff:102:304'],
  ['02:aa:00:00:00:02 : jump wide4_i_m', false, '02:aa:00:00:00:02 : jump wide4_i_m'],
])('%s in our writing (interval: %s) is %s', (element, interval, own) => {
  expect(ownWriting(element, interval)).toBe(own);
});

describe('drift', () => {
  const { table } = compile(blocks(), { wan: ['wan0'] });
  const withSet = (found: Found, name: string, elements: string[]): Found => ({
    ...found,
    sets: new Map(found.sets).set(name, elements),
  });
  // The remote that was added by hand is in one set and not in those that go with it.
  const found = ['r6', 'pm6'].reduce((all, name) => {
    const key = name === 'r6' ? '' : '02:aa:00:00:00:02 . ';
    return withSet(all, name, [`${key}::1.2.3.4`]);
  }, listed());

  test('there is none, however the tool writes an address', () => {
    expect(driftOf(table, found, found.chains, true)).toEqual([]);
  });

  test('a missing table, chain, rule or set, one too many, and other elements', () => {
    const what = (changed: Found | undefined, thorough = true) =>
      driftOf(table, changed, found.chains, thorough).map((one) => `${one.what} ${one.name}`);
    expect(what(undefined)).toEqual(['jump on_forward']);
    const without = <T>(map: ReadonlyMap<string, T>, name: string) =>
      new Map([...map].filter(([key]) => key !== name));
    expect(what({ ...found, chains: without(found.chains, 'out4') })).toEqual(['chain out4']);
    expect(what({ ...found, sets: without(found.sets, 'p4') })).toEqual(['set p4']);
    const out = found.chains.get('out4');
    if (out === undefined) throw new Error('no chain');
    const handles = out.rules.map((handle, i) => (i === 0 ? handle + 100 : handle));
    for (const rules of [handles, handles.slice(1)])
      expect(what({ ...found, chains: new Map(found.chains).set('out4', { ...out, rules }) })).toEqual([
        'chain out4',
      ]);
    expect(what({ ...found, chains: new Map(found.chains).set('mine', out) })).toEqual(['chain mine']);
    expect(what(withSet(found, 'mine', []))).toEqual(['set mine']);
    expect(what(withSet(found, 'p4', ['192.168.1.20 . 203.0.113.8']))).toEqual(['set p4']);
    expect(what(withSet(found, 'p4', []), false)).toEqual([]);
    expect(what(withSet(found, 'hit_p4', ['1.2.3.4 . 1.2.3.5']))).toEqual([]);
  });
});

describe('counters', () => {
  const hits = listed().counts;

  test('belong to the entry that dropped; what belongs to none is stale', () => {
    const { counters, stale } = countersOf(hits, new Attribution(blocks()));
    const { id } = owner('1', [], []);
    expect(counters).toEqual([
      { owner: id, remote: '203.0.113.7', packets: 5, bytes: 300 },
      { owner: id, remote: '198.51.100.0/24', packets: 2, bytes: 120 },
    ]);
    expect(stale.size).toBe(0);
    const fewer = countersOf(hits, new Attribution(blocks([])));
    expect(fewer.counters.map(({ remote }) => remote)).toEqual(['198.51.100.0/24']);
    expect(fewer.stale).toEqual(new Map([['hit_p4', ['192.168.1.20 . 203.0.113.7']]]));
    expect(written(kept(hits, new Attribution(blocks([])))).get('hit_p4')).toEqual([]);
    expect(written(kept(hits, new Attribution(blocks()))).get('hit_p4')).toEqual([
      '192.168.1.20 . 203.0.113.7 counter packets 5 bytes 300',
    ]);
  });

  test('every kind has its entry', () => {
    const mac = '02:aa:00:00:00:02';
    const all = { networks: ['0.0.0.0/0', '198.51.100.7/32'], internet: true, lan: true };
    const set = blockSet([owner('1', ['192.168.1.20'], [], [mac], all)], { everyone: ['203.0.113.9'] });
    const attribution = new Attribution(set);
    const { id } = owner('1', [], []);
    for (const [name, element, remote, of] of [
      ['hit_p4', '192.168.1.20 . 198.51.100.7', '198.51.100.7/32', id],
      ['hit_pm4', `${mac} . 198.51.100.7`, '198.51.100.7/32', id],
      ['hit_n4', '192.168.1.20 . 64.0.0.0', '0.0.0.0/1', id],
      ['hit_nm4', `${mac} . 192.0.0.0`, '128.0.0.0/1', id],
      ['hit_i4', '192.168.1.20', 'internet', id],
      ['hit_im6', mac, 'internet', id],
      ['hit_l4', '192.168.1.20', 'lan', id],
      ['hit_e4', '203.0.113.9', '203.0.113.9', undefined],
    ] as const)
      expect(attribution.of(name, element)).toEqual({ owner: of, remote });
    for (const [name, element] of [
      ['hit_p4', '192.168.1.20 . 198.51.100.8'],
      ['hit_i4', '192.168.1.21'],
      ['hit_e4', '203.0.113.8'],
      ['p4', '192.168.1.20 . 198.51.100.7'],
    ] as const)
      expect(attribution.of(name, element)).toBeUndefined();
  });

  test('only sets whose rules have dropped since are listed again', async () => {
    const book = new HitBook();
    const asked: string[] = [];
    const list = async (name: string): Promise<Found> => {
      asked.push(name);
      return listed();
    };
    const dropped = (packets: number): Found => {
      const found = listed();
      const drop = { hook: '', rules: [1, 2], packets };
      return { ...found, chains: new Map(found.chains).set('drop_p4_o', drop) };
    };
    expect(await book.read(dropped(0), list)).toEqual(new Map());
    expect((await book.read(dropped(5), list)).get('hit_p4')?.size).toBe(1);
    await book.read(dropped(5), list);
    expect(asked).toEqual(['hit_p4']);
    book.forget(new Map([['hit_p4', ['192.168.1.20 . 203.0.113.7']]]));
    expect((await book.read(dropped(5), list)).get('hit_p4')?.size).toBe(0);
    book.begin(hits);
    expect((await book.read(dropped(0), list)).get('hit_p4')?.size).toBe(1);
    expect(asked).toEqual(['hit_p4']);
  });
});
