import { beforeEach, describe, expect, it } from 'vitest';
import { Stays } from '../../../../src/local/nodes/presence.ts';
import type { Descriptor } from '../../../../src/policy/descriptor.ts';

const MINUTE = 60_000;
const tv: Descriptor = {
  node: 'tv',
  device: true,
  macs: ['02:00:00:00:00:01'],
  addresses: [{ address: '192.168.1.20', segment: 'attic/br-lan' }],
  domains: [],
  names: [],
};

let seen: number | undefined;
/** When it said something itself; undefined: whenever it was seen. */
let learnt: number | undefined;
let elsewhere: number | undefined;
let bytes: { up: number; down: number } | undefined;
let devices = [tv];
let stays: Stays;
const stay = (now: number) => stays.claims(now)[0]?.stay;

beforeEach(() => {
  [seen, learnt, elsewhere, bytes, devices] = [undefined, undefined, undefined, undefined, [tv]];
  stays = new Stays({
    devices: () => devices,
    lastSeen: () => (seen === undefined ? undefined : { seen, learnt: learnt ?? seen }),
    totals: () => bytes,
    arrivedElsewhere: () => elsewhere,
  });
});

describe('a device is behind this router', () => {
  it('from its first sighting until nothing was heard of it for half an hour', () => {
    expect(stays.claims(10_000)).toEqual([]);
    seen = 12_000;
    expect(stay(13_000)).toEqual({ since: 12_000, seen: 12_000 });
    seen = 20_000;
    expect(stay(21_000)).toEqual({ since: 12_000, seen: 20_000 });
    expect(stay(20_000 + 30 * MINUTE - 1)).toEqual({ since: 12_000, seen: 20_000 });
    expect(stay(20_000 + 30 * MINUTE)).toBeUndefined();
  });

  it('not when it has no address here', () => {
    devices = [{ ...tv, addresses: [] }];
    seen = 12_000;
    expect(stay(13_000)).toBeUndefined();
  });

  it('no longer when it came to another router and is silent here for five seconds', () => {
    seen = 12_000;
    expect(stay(13_000)).toBeDefined();
    elsewhere = 60_000;
    expect(stay(64_999)).toBeDefined();
    expect(stay(65_000)).toBeUndefined();
  });

  it('no longer, though the kernel calls it reachable for a while yet', () => {
    seen = 12_000;
    stay(13_000);
    elsewhere = 60_000;
    [seen, learnt] = [100_000, 12_000];
    expect(stay(100_001)).toBeUndefined();
    // A minute more than the kernel remembers: it is here as well.
    seen = 120_000;
    expect(stay(121_000)).toEqual({ since: 60_000, seen: 120_000 });
  });

  it('after a restart, but since no later than the kernel may remember: it may have moved on', () => {
    [seen, learnt] = [100_000, -Infinity];
    expect(stay(100_001)).toEqual({ since: 40_000, seen: 100_000 });
    elsewhere = 70_000;
    expect(stay(105_001)).toBeUndefined();
  });

  it('in spite of another router when it was heard here later', () => {
    seen = 12_000;
    elsewhere = 11_000;
    expect(stay(30_000)).toEqual({ since: 12_000, seen: 12_000 });
  });

  it('not at all when another router has had it since', () => {
    seen = 12_000;
    elsewhere = 13_000;
    expect(stay(14_000)).toBeUndefined();
  });

  it('again when it comes back, as a new arrival', () => {
    seen = 12_000;
    stay(13_000);
    elsewhere = 60_000;
    expect(stay(70_000)).toBeUndefined();
    seen = 90_000;
    expect(stay(91_000)).toEqual({ since: 90_000, seen: 90_000 });
  });

  it('and of another at once when both hear it all the time: neither gives way within minutes', () => {
    seen = 12_000;
    stay(13_000);
    elsewhere = 60_000;
    stay(70_000);
    seen = 90_000;
    stay(91_000);
    elsewhere = 100_000;
    expect(stay(110_000)).toBeDefined();
    expect(stay(100_000 + 2 * MINUTE)).toBeUndefined();
  });
});

describe('what is told of it', () => {
  it('is its name, also when it was not seen since the start', () => {
    devices = [{ ...tv, names: ['tv'] }];
    expect(stays.claims(10_000)).toEqual([
      { about: { ...tv, addresses: [], names: ['tv'] }, stay: undefined, bytes: undefined },
    ]);
  });

  it('is how much it sent and received, also when it is elsewhere by now', () => {
    bytes = { up: 5, down: 7 };
    expect(stays.claims(10_000)).toEqual([{ about: { ...tv, addresses: [] }, stay: undefined, bytes }]);
  });

  it('are the addresses that were seen last, 16 at most, and eight names', () => {
    const addresses = Array.from({ length: 40 }, (_, n) => ({
      address: `192.168.1.${n}`,
      segment: 'attic/br-lan',
    }));
    const names = Array.from({ length: 20 }, (_, n) => `name ${n}`);
    devices = [{ ...tv, addresses, names }];
    seen = 12_000;
    const [claim] = stays.claims(13_000);
    const told = claim?.about.addresses
      .map(({ address }) => Number(address.split('.')[3]))
      .sort((x, y) => x - y);
    expect(told).toEqual(Array.from({ length: 16 }, (_, n) => n + 24));
    expect(claim?.about.names).toHaveLength(8);
  });

  it('is nothing of one that is no longer known', () => {
    seen = 12_000;
    stay(13_000);
    devices = [];
    expect(stays.claims(14_000)).toEqual([]);
  });
});
