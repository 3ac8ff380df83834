import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Drops } from '../../../../src/local/flows/drops.ts';
import { PolicyDrops, readCounts } from '../../../../src/local/flows/policy-drops.ts';
import { silentLog } from '../../../../src/log.ts';
import type { BlockSet } from '../../../../src/policy/block-set.ts';
import { emptyBlockSet, freeOwner } from '../../../../src/policy/block-set.ts';
import type { SeenStore } from '../../../../src/store/seen-store.ts';

const [ADS, HOME, ALL] = ['a', 'b', 'c'].map((one) => `${one.repeat(64)}/0`) as [string, string, string];
const TV = '1'.repeat(32);
const set: BlockSet = {
  ...emptyBlockSet,
  everyone: new Map([['203.0.113.9', [HOME]]]),
  owners: new Map([
    [
      TV,
      {
        ...freeOwner,
        id: TV,
        addresses: new Set(['192.168.1.20']),
        macs: new Set(),
        remotes: new Map([['203.0.113.7', [ADS, HOME]]]),
        networks: new Map([['198.51.100.0/24', [ADS]]]),
        internet: [ALL],
      },
    ],
  ]),
};
const more = (remote: string, packets: number, owner: string | undefined = TV) => ({
  owner,
  remote,
  packets,
  bytes: packets * 100,
});

describe('what policies have dropped', () => {
  let disk: Map<string, Uint8Array>;
  const store = (): Pick<SeenStore, 'put' | 'del' | 'entries'> => ({
    put: (key, value) => void disk.set(key, value),
    del: (key) => void disk.delete(key),
    async *entries({ gte, lt }) {
      for (const [key, value] of disk) if (key >= gte && key < lt) yield [key, value];
    },
  });
  const begin = async () => {
    const drops = new PolicyDrops({ store: store(), log: silentLog });
    await drops.start();
    return drops;
  };
  beforeEach(() => {
    disk = new Map();
  });

  it('is what the entries have that they want, of each kind', async () => {
    const drops = await begin();
    drops.counted(set, more('203.0.113.7', 3));
    drops.counted(set, more('198.51.100.0/24', 5));
    drops.counted(set, more('internet', 7));
    const everyone = { ...more('203.0.113.9', 11), owner: undefined };
    drops.counted(set, everyone);
    drops.counted(set, more('203.0.113.99', 100));
    drops.counted(set, more('lan', 100, 'nobody'));
    expect([ADS, HOME, ALL].map((id) => drops.of(id)?.packets)).toEqual([8, 14, 7]);
    expect(drops.of(ADS)?.bytes).toBe(800);
  });

  it('is not nothing as long as nobody has looked', async () => {
    const drops = await begin();
    expect(drops.of(ADS)).toBeUndefined();
    drops.read();
    expect(drops.of(ADS)).toEqual({ packets: 0, bytes: 0 });
  });

  it('goes on after a restart, and is forgotten with its policy', async () => {
    (await begin()).counted(set, more('203.0.113.7', 3));
    disk.set(`2!${ALL}`, Buffer.from('rubbish'));
    const drops = await begin();
    expect(drops.of(ALL)).toBeUndefined();
    drops.counted(set, more('203.0.113.7', 4));
    expect(drops.of(ADS)).toEqual({ packets: 7, bytes: 700 });
    drops.keep((id) => id === HOME);
    expect(drops.of(ADS)).toBeUndefined();
    expect((await begin()).of(HOME)).toEqual({ packets: 7, bytes: 700 });
    expect(disk.has(`2!${ADS}`)).toBe(false);
  });

  it('is what the readings of the kernel add, once', async () => {
    const policies = await begin();
    const drops = new Drops(
      { isLan: () => false, deviceAt: () => undefined, remoteAt: (address) => address },
      (added) => policies.counted(set, added),
    );
    for (const packets of [5, 5, 9, 2]) drops.take([more('203.0.113.7', packets)], 0);
    // Those before the first reading are nobody's, and the last have begun anew.
    expect(policies.of(ADS)).toEqual({ packets: 6, bytes: 600 });
  });

  it('of anything on the disk is counts or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const read = readCounts(Buffer.from(text));
        if (read !== undefined) expect(JSON.parse(text)).toEqual([read.packets, read.bytes]);
      }),
    );
  });
});
