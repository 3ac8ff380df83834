import { beforeEach, describe, expect, test } from 'vitest';
import type { Counter } from '../../../../src/local/enforce/backend.ts';
import { Drops } from '../../../../src/local/flows/drops.ts';

let devices: Map<string, string>;
let remotes: Map<string, string>;
let drops: Drops;

beforeEach(() => {
  devices = new Map([['192.168.1.30', 'nas']]);
  remotes = new Map([
    ['203.0.113.7', 'ads'],
    ['203.0.113.8', 'ads'],
    ['203.0.113.9', 'news'],
  ]);
  drops = new Drops({
    isLan: (address) => address.startsWith('192.168.1.'),
    deviceAt: (address) => devices.get(address),
    remoteAt: (address) => remotes.get(address),
  });
});

function counter(remote: string, packets: number, owner: string | undefined = 'tv'): Counter {
  return { owner, remote, packets, bytes: packets * 60 };
}

describe('drops', () => {
  test('the first reading is where counting starts, then what was added is news', () => {
    expect(drops.take([counter('203.0.113.7', 1_000)], 0)).toEqual([]);
    expect(drops.take([counter('203.0.113.7', 1_003)], 5)).toEqual([
      { device: 'tv', other: 'ads', otherIsDevice: false, packets: 3, bytes: 180 },
    ]);
    expect(drops.take([counter('203.0.113.7', 1_003)], 10)).toEqual([]);
  });

  test('a counter that comes later has begun since', () => {
    drops.take([], 0);
    expect(drops.take([counter('203.0.113.7', 3)], 5)).toMatchObject([{ other: 'ads', packets: 3 }]);
  });

  test('a counter that is smaller has begun anew, as one that went and came back', () => {
    drops.take([], 0);
    drops.take([counter('203.0.113.7', 10)], 5);
    expect(drops.take([counter('203.0.113.7', 4)], 10)).toMatchObject([{ packets: 4, bytes: 240 }]);
    expect(drops.take([], 15)).toEqual([]);
    expect(drops.take([counter('203.0.113.7', 5)], 20)).toMatchObject([{ packets: 5 }]);
    expect([...drops.totals()]).toMatchObject([{ packets: 19, bytes: 1_140, firstSeen: 5, lastSeen: 20 }]);
  });

  test('the addresses of a node are one pair', () => {
    drops.take([], 0);
    expect(
      drops.take([counter('203.0.113.7', 1), counter('203.0.113.8', 2), counter('203.0.113.9', 4)], 5),
    ).toMatchObject([
      { other: 'ads', packets: 3, bytes: 180 },
      { other: 'news', packets: 4 },
    ]);
  });

  test('networks, wide words and what is blocked for everyone stand for themselves', () => {
    drops.take([], 0);
    const reading = [
      counter('198.51.100.0/24', 1),
      counter('internet', 2),
      counter('lan', 3),
      { ...counter('203.0.113.7', 4), owner: undefined },
    ];
    expect(drops.take(reading, 5).map(({ device, other, packets }) => [device, other, packets])).toEqual([
      ['tv', '198.51.100.0/24', 1],
      ['tv', 'internet', 2],
      ['tv', 'lan', 3],
      ['home', 'ads', 4],
    ]);
  });

  test('a device at the other end; one that is not known yet is told when it is, with all that was dropped', () => {
    drops.take([], 0);
    expect(drops.take([counter('192.168.1.30', 1), counter('192.168.1.31', 5)], 5)).toEqual([
      { device: 'tv', other: 'nas', otherIsDevice: true, packets: 1, bytes: 60 },
    ]);
    expect(drops.counters.unknown).toBe(1);
    drops.take([counter('192.168.1.30', 1), counter('192.168.1.31', 7)], 10);
    devices.set('192.168.1.31', 'printer');
    expect(drops.take([counter('192.168.1.30', 1), counter('192.168.1.31', 8)], 15)).toMatchObject([
      { other: 'printer', packets: 8, bytes: 480 },
    ]);
    expect(drops.take([counter('192.168.1.31', 8)], 20)).toEqual([]);
    expect(drops.counters.unknown).toBe(0);
  });

  test('…also when its counter begins anew meanwhile', () => {
    drops.take([counter('192.168.1.31', 100)], 0);
    drops.take([counter('192.168.1.31', 6)], 5);
    devices.set('192.168.1.31', 'printer');
    expect(drops.take([counter('192.168.1.31', 6)], 10)).toMatchObject([{ packets: 6 }]);
  });

  test('too many counters: the rest is not followed, and what is followed later starts where it stands', () => {
    const many = Array.from({ length: 20_005 }, (_, i) => counter(`198.51.${i >> 8}.${i & 255}/32`, 1));
    expect(drops.take(many, 0)).toEqual([]);
    expect(drops.counters.beyond).toBe(5);
    const last = many.at(-1);
    expect(last && drops.take([last], 5)).toEqual([]);
    expect(last && drops.take([{ ...last, packets: 3, bytes: 180 }], 10)).toMatchObject([{ packets: 2 }]);
  });

  test('totals are kept of the pairs that dropped last', () => {
    drops.take([], 0);
    const many = Array.from({ length: 5_000 }, (_, i) => counter(`198.51.${i >> 8}.${i & 255}/32`, 1));
    drops.take(many, 5);
    const totals = [...drops.totals()];
    expect(totals).toHaveLength(4_096);
    expect(totals.at(-1)?.other).toBe(many.at(-1)?.remote);
    expect(drops.counters.forgotten).toBe(5_000 - 4_096);
    // What was forgotten was dropped all the same.
    expect(drops.counters.packets).toBe(5_000);
  });
});
