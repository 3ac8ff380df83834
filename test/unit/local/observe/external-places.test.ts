import { beforeEach, describe, expect, test } from 'vitest';
import type { ConntrackEntry } from '../../../../src/local/observe/conntrack.ts';
import { Followed } from '../../../../src/local/observe/external/followed.ts';
import { lanOf } from '../../../../src/local/observe/external/lan-of.ts';
import { noInterfaces } from '../../../../src/local/observe/interfaces.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

describe('who is followed', () => {
  const tuple = (src: string, dst: string) => ({ src, dst, sport: 40_000, dport: 443, counts: undefined });
  const entry = (from: string, to: string, answering = to): ConntrackEntry => ({
    event: undefined,
    protocol: 6,
    original: tuple(from, to),
    reply: tuple(answering, '203.0.113.1'),
    id: 1,
    offloaded: false,
  });
  const kept = () =>
    new Followed(clock, {
      isOwn: (address) => address === '192.168.8.1' || address === '203.0.113.1',
      isLan: (address) => address.startsWith('192.168.8.') || address.startsWith('10.'),
    });

  test.each<[string, ConntrackEntry, string[]]>([
    ['outward', entry('192.168.8.10', '203.0.113.20'), ['192.168.8.10']],
    ['a port forward', entry('203.0.113.20', '203.0.113.1', '192.168.8.10'), ['192.168.8.10']],
    ['between devices', entry('192.168.8.10', '192.168.8.11'), ['192.168.8.10']],
    ['to the router itself', entry('192.168.8.10', '192.168.8.1'), []],
    ['of the router itself', entry('203.0.113.1', '203.0.113.20'), []],
    ['between strangers', entry('203.0.113.20', '203.0.113.21'), []],
  ])('%s', (_, one, expected) => {
    const followed = kept();
    followed.note(one);
    const all = [
      '192.168.8.1',
      '192.168.8.10',
      '192.168.8.11',
      '203.0.113.1',
      '203.0.113.20',
      '203.0.113.21',
    ];
    expect(all.filter((address) => followed.has(address))).toEqual(expected);
  });

  test('for an hour after the last entry', async () => {
    const followed = kept();
    for (let minute = 0; minute < 90; minute++) {
      followed.note(entry('192.168.8.10', '203.0.113.20'));
      await clock.advance(60_000);
    }
    await clock.advance(58 * 60_000);
    expect(followed.has('192.168.8.10')).toBe(true);
    await clock.advance(60_000);
    expect(followed.has('192.168.8.10')).toBe(false);
  });

  test('only so many, the newest', () => {
    const followed = kept();
    const address = (i: number) => `10.0.${i >> 8}.${i & 255}`;
    for (let i = 0; i <= 8_192; i++) followed.note(entry(address(i), '203.0.113.20'));
    expect([0, 1, 8_192].map((i) => followed.has(address(i)))).toEqual([false, true, true]);
  });

  test('every entry goes on to the sink', () => {
    const followed = kept();
    const told: string[] = [];
    const sink = followed.beside({
      counters: { unknown: 1 },
      size: 7,
      begin: () => void told.push('begin'),
      note: () => told.push('note'),
      again: () => true,
      end: () => void told.push('end'),
      began: () => void told.push('began'),
      ended: () => void told.push('ended'),
    });
    sink.begin();
    expect(sink.note(entry('192.168.8.10', '203.0.113.20'))).toBe(2);
    // What the last reading showed is noted again all the same.
    expect(sink.again(2)).toBe(false);
    sink.began(entry('192.168.8.11', '203.0.113.20'));
    sink.ended(entry('192.168.8.12', '203.0.113.20'));
    sink.end(new Set([4]));
    expect([told, sink.counters, sink.size]).toEqual([
      ['begin', 'note', 'began', 'ended', 'end'],
      { unknown: 1 },
      7,
    ]);
    expect(['10', '11', '12'].map((host) => followed.has(`192.168.8.${host}`))).toEqual([true, true, true]);
  });
});

const interfaces = {
  ...noInterfaces,
  lan: [{ name: 'br-lan', segment: 'attic/br-lan', prefixes: ['192.168.8.0/24', 'fd00:8::/64'] }],
};

test.each([
  ['192.168.8.10', 'br-lan'],
  ['fd00:8::10', 'br-lan'],
  ['fe80::1', 'br-lan'],
  ['203.0.113.20', undefined],
])('%s is on %s', (address, name) => {
  expect(lanOf(interfaces, address)).toBe(name);
  const guest = { name: 'guest', segment: 'attic/guest', prefixes: ['192.168.9.0/24'] };
  const two = { ...interfaces, lan: [...interfaces.lan, guest] };
  expect(lanOf(two, address)).toBe(address === 'fe80::1' ? undefined : name);
});
