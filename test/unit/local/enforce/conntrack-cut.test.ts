import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  addedPairs,
  ConntrackCut,
  newlyBlocked,
  parseEntries,
} from '../../../../src/local/enforce/conntrack-cut.ts';
import { silentLog } from '../../../../src/log.ts';
import { emptyBlockSet } from '../../../../src/policy/block-set.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { blockSet, owner, type Wide } from './block-sets.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const wide = (what: Wide) => owner('1', ['192.168.1.20'], [], [], what);
const tv = (remotes: string[], addresses = ['192.168.1.20']) => owner('1', addresses, remotes);
// `conntrack -L` of a NAT'd connection, a plain IPv6 one and an unreplied one, with invented addresses.
const LISTING = readFileSync(new URL('../../../fixtures/enforce/conntrack.txt', import.meta.url), 'utf8');

test('of an entry the two addresses are read that FORWARD sees', () => {
  expect(parseEntries(LISTING)).toEqual([
    { near: '192.168.1.20', far: '203.0.113.7' },
    { near: '203.0.113.9', far: '192.168.1.20' },
    { near: '2001:db8:1::20', far: '2001:db8:f::7' },
  ]);
  expect(parseEntries('rubbish src=\n src=x src=y')).toEqual([]);
});

describe('what was added', () => {
  test.each([
    [
      'a pair',
      blockSet([]),
      blockSet([tv(['203.0.113.7', '2001:db8::1'])]),
      [['192.168.1.20', '203.0.113.7']],
    ],
    ['nothing', blockSet([tv(['203.0.113.7'])]), blockSet([tv(['203.0.113.7'])]), []],
    [
      'a remote',
      blockSet([tv(['203.0.113.7'])]),
      blockSet([tv(['203.0.113.7', '203.0.113.8'])]),
      [['192.168.1.20', '203.0.113.8']],
    ],
    [
      'an address',
      blockSet([tv(['203.0.113.7'])]),
      blockSet([tv(['203.0.113.7'], ['192.168.1.20', '192.168.1.21'])]),
      [['192.168.1.21', '203.0.113.7']],
    ],
    ['too much', blockSet([]), blockSet([tv(['203.0.113.1', '203.0.113.2', '203.0.113.3'])]), undefined],
    ['everyone', blockSet([]), blockSet([], { everyone: ['203.0.113.7'] }), undefined],
    ['the internet', blockSet([tv([])]), blockSet([wide({ internet: true })]), undefined],
    [
      'an exception gone',
      blockSet([wide({ exceptions: ['203.0.113.7'] })], { everyone: ['203.0.113.7'] }),
      blockSet([tv([])], { everyone: ['203.0.113.7'] }),
      undefined,
    ],
  ])('%s', (_, before, next, expected) => {
    expect(addedPairs(before, next, 2)).toEqual(expected?.map(([near, far]) => ({ near, far })));
  });

  test('newly blocked by a wide word', () => {
    const isNew = newlyBlocked(
      blockSet([tv(['203.0.113.7'])]),
      blockSet([wide({ internet: true, exceptions: ['203.0.113.8'] })]),
    );
    expect(isNew('192.168.1.20', '203.0.113.7')).toBe(false);
    expect(isNew('192.168.1.20', '203.0.113.8')).toBe(false);
    expect(isNew('192.168.1.20', '203.0.113.9')).toBe(true);
    expect(isNew('192.168.1.20', '192.168.1.30')).toBe(false);
  });

  test('newly blocked', () => {
    const isNew = newlyBlocked(
      blockSet([tv(['203.0.113.7'])]),
      blockSet([tv(['203.0.113.7', '203.0.113.8'])], { everyone: ['203.0.113.9'] }),
    );
    expect(isNew('192.168.1.20', '203.0.113.7')).toBe(false);
    expect(isNew('192.168.1.20', '203.0.113.8')).toBe(true);
    expect(isNew('192.168.1.77', '203.0.113.9')).toBe(true);
    expect(isNew('198.51.100.1', '203.0.113.9')).toBe(false);
  });
});

describe('cutting', () => {
  test('a few pairs by name, both ways; of many those that are in the table; quick changes together', async () => {
    const clock = new FakeClock();
    const exec = new ScriptedExec((argv) => (/-L -f ipv4|-R/.test(argv) ? { stdout: LISTING } : {}));
    const cut = new ConntrackCut(exec, clock, silentLog);
    cut.applied(blockSet([]));
    cut.applied(blockSet([tv(['203.0.113.7'])]));
    await settle();
    expect(exec.ran).toEqual([]);
    await clock.advance(250);
    expect(exec.ran.splice(0)).toEqual([
      {
        argv: 'conntrack -R -',
        input: '-D -f ipv4 -s 192.168.1.20 -r 203.0.113.7\n-D -f ipv4 -s 203.0.113.7 -r 192.168.1.20\n',
      },
    ]);
    const many = Array.from({ length: 20 }, (_, i) => `203.0.113.${i + 8}`);
    cut.applied(blockSet([tv(['203.0.113.7', ...many])]));
    await clock.advance(250);
    expect(exec.ran.map(({ argv, input = '' }) => argv + input)).toEqual([
      'conntrack -L -f ipv4',
      'conntrack -L -f ipv6',
      'conntrack -R --D -f ipv4 -s 192.168.1.20 -r 203.0.113.9\n-D -f ipv4 -s 203.0.113.9 -r 192.168.1.20\n',
    ]);
    // As many as it says that it has deleted, each time.
    expect(cut.counts).toEqual({ cut: 6, leftOut: 0 });
    await cut.stop();
  });

  test.each([
    ['an older conntrack takes no batches', false],
    ['a batch that an entry has ended, which ended by itself', true],
  ])('one by one: %s', async (_, taken) => {
    const clock = new FakeClock();
    let code = taken ? 0 : 2;
    const exec = new ScriptedExec((argv) => (argv.includes('-R') ? { code } : { stdout: LISTING }));
    const cut = new ConntrackCut(exec, clock, silentLog);
    const remotes = ['203.0.113.6'];
    const block = async (remote: string) => {
      remotes.push(remote);
      cut.applied(blockSet([tv([...remotes])]));
      await clock.advance(250);
      return exec.ran.splice(0).map(({ argv }) => argv.split(' ').slice(0, 2).join(' '));
    };
    cut.applied(blockSet([tv(remotes)]));
    await clock.advance(250);
    exec.ran.splice(0);
    code = 2;
    const single = ['conntrack -D', 'conntrack -D'];
    expect(await block('203.0.113.7')).toEqual(taken ? ['conntrack -R', ...single] : single);
    code = 0;
    expect(await block('203.0.113.8')).toEqual(taken ? ['conntrack -R'] : single);
    await cut.stop();
  });

  test('a change that was told twice does not end the cutting', async () => {
    const clock = new FakeClock();
    const exec = new ScriptedExec(() => ({}));
    const cut = new ConntrackCut(exec, clock, silentLog);
    const once = blockSet([tv(['203.0.113.7'])]);
    for (const set of [once, once, blockSet([tv(['203.0.113.7', '203.0.113.8'])])]) {
      cut.applied(set);
      await clock.advance(250);
    }
    expect(exec.ran.at(-1)?.input).toContain('-D -f ipv4 -s 203.0.113.8 -r 192.168.1.20');
    await cut.stop();
  });

  test('a change that blocks nothing new does not end the cutting', async () => {
    const clock = new FakeClock();
    const exec = new ScriptedExec(() => ({}));
    const cut = new ConntrackCut(exec, clock, silentLog);
    for (const set of [blockSet([]), blockSet([tv(['203.0.113.7'])])]) {
      cut.applied(set);
      await clock.advance(250);
    }
    expect(exec.ran).toHaveLength(1);
    await cut.stop();
  });

  test('without conntrack it is tried once', async () => {
    const clock = new FakeClock();
    const exec = new ScriptedExec(() => undefined);
    const cut = new ConntrackCut(exec, clock, silentLog);
    cut.applied(blockSet([tv(['203.0.113.7'])]));
    await clock.advance(250);
    cut.applied(emptyBlockSet);
    cut.applied(blockSet([tv(['203.0.113.8'])]));
    await clock.advance(1_000);
    expect(exec.ran).toHaveLength(1);
    await cut.stop();
  });
});
