import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/local/enforce/backend.ts';
import type { Address } from '../../src/policy/block-set.ts';
import { blockSet, owner, type Wide } from '../unit/local/enforce/block-sets.ts';

/** What the contract's small world consists of: two devices of one LAN, and two remotes. */
export const world = {
  tv: {
    mac: '02:aa:00:00:00:02',
    v4: '192.168.1.20',
    v6: '2001:db8:1::20',
    newV4: '192.168.1.21',
    newV6: '2001:db8:1::21',
  },
  console: { mac: '02:aa:00:00:00:03', v4: '192.168.1.30', v6: '2001:db8:1::30' },
  ads: { v4: '203.0.113.7', v6: '2001:db8:f::7' },
  video: { v4: '203.0.113.8', v6: '2001:db8:f::8' },
} as const;

/** A packet of this device with this source address to the remote. */
type Packet = readonly [device: 'tv' | 'console', source: Address, remote: Address];

export interface BackendHarness {
  readonly backend: Backend;
  /** True if the packet gets to the remote and its answer back. May be asked about several at once. */
  passes(...packet: Packet): Promise<boolean>;
  /** Somebody else flushes the kernel's tables. */
  disturb(): Promise<void>;
  /** From now on every tool fails; or works again. */
  fail(fails: boolean): void;
  close(): Promise<void>;
}

const { tv, console: other, ads, video } = world;
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
const WITHOUT_MAC = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6]);

/** None of it is what it stands for: most of it a tool would resolve, expand, refuse or take for two commands. */
const RUBBISH = [
  'example.org',
  '10.0.0.0/8 nomatch',
  '192.168.1.20\nflush',
  '203.0.113.8 } ; flush ruleset ; #',
  '::ffff:203.0.113.8',
  '::ffff:cb00:7108',
  'fe80::1%eth0',
  '0.0.0.0',
  '::',
  '203.0.113.008',
  '203.0.113.256',
  '203.0.113.8-203.0.113.9',
  '203.0.113.8/33',
  '203.0.113.8/24',
  '2001:db8:f::8/64',
  '2001:DB8:F::8',
  '2001:db8:f:0:0:0:0:8',
  '02:AA:00:00:00:02',
  'ff:ff:ff:ff:ff:ff -j ACCEPT',
  'a'.repeat(40),
  ' 203.0.113.8',
  '',
];

/** What every backend that enforces must do; run by the fake and by the real kernel. */
export function backendContract(name: string, open: () => Promise<BackendHarness>): void {
  describe(`backend contract: ${name}`, () => {
    let harness: BackendHarness;
    let backend: Backend;
    const { signal } = new AbortController();
    const passes: BackendHarness['passes'] = (...packet) => harness.passes(...packet);
    /** Sends all of them at once: that one is dropped takes its time to be told. */
    const expectFates = async (wanted: { pass?: Packet[]; blocked?: Packet[] }): Promise<void> => {
      const { pass = [], blocked = [] } = wanted;
      const all = [...pass, ...blocked];
      const fates = await Promise.all(all.map((packet) => passes(...packet)));
      const those = (fate: boolean) => all.filter((_, i) => fates[i] === fate);
      expect({ pass: those(true), blocked: those(false) }).toEqual({ pass, blocked });
    };
    beforeEach(async () => {
      harness = await open();
      backend = harness.backend;
    });
    afterEach(async () => {
      await harness.backend.stop();
      await harness.close();
    });

    test('the first set is a resync, the same again changes nothing, a difference is an update', async () => {
      expect(backend.describe().name).toBe(backend.name);
      expect((await backend.set(blockSet([TV]), signal)).did).toBe('resync');
      expect((await backend.set(blockSet([TV]), signal)).did).toBe('unchanged');
      // The same, told otherwise.
      const same = owner('1', [tv.v6, tv.v4], [ads.v6, ads.v4], [tv.mac]);
      expect((await backend.set(blockSet([same]), signal)).did).toBe('unchanged');
      const more = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac]);
      expect((await backend.set(blockSet([more]), signal)).did).toBe('update');
      expect(await backend.check(signal)).toEqual([]);
    });

    test('a pair is blocked for its owner, both families, and for nobody and nothing else; lifting it lets it pass', async () => {
      await backend.set(blockSet([]), signal);
      await expectFates({
        pass: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
        ],
      });
      await backend.set(blockSet([TV]), signal);
      await expectFates({
        pass: [
          ['tv', tv.v4, video.v4],
          ['tv', tv.v6, video.v6],
          ['console', other.v4, ads.v4],
          ['console', other.v6, ads.v6],
        ],
        blocked: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
        ],
      });
      await backend.set(blockSet([]), signal);
      await expectFates({
        pass: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
        ],
      });
      expect(await backend.check(signal)).toEqual([]);
    });

    test('what is blocked for everyone is blocked for every device', async () => {
      const known = [other.v4, other.v6];
      const owners = [owner('1', [tv.v4, tv.v6], [video.v4], [tv.mac])];
      await backend.set(blockSet(owners, { everyone: [ads.v4, ads.v6], known }), signal);
      await expectFates({
        blocked: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
          ['console', other.v4, ads.v4],
          ['console', other.v6, ads.v6],
        ],
      });
      await expectFates({ pass: [['console', other.v4, video.v4]], blocked: [['tv', tv.v4, video.v4]] });
    });

    test('a new address of a device is cut by its MAC until it is known, then as an address', async () => {
      await backend.set(blockSet([WITHOUT_MAC]), signal);
      await expectFates({ pass: [['tv', tv.newV4, ads.v4]] });
      await backend.set(blockSet([TV]), signal);
      await expectFates({
        pass: [['tv', tv.newV4, video.v4]],
        blocked: [
          ['tv', tv.newV4, ads.v4],
          ['tv', tv.newV6, ads.v6],
        ],
      });
      // Known, and another's: the MAC is not asked.
      await backend.set(blockSet([TV], { known: [tv.newV4] }), signal);
      await expectFates({ pass: [['tv', tv.newV4, ads.v4]] });
      const moved = owner('1', [tv.newV4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
      await backend.set(blockSet([moved]), signal);
      await expectFates({ blocked: [['tv', tv.newV4, ads.v4]] });
    });

    test('the guard beats every block', async () => {
      await backend.set(
        blockSet([TV], { everyone: [video.v4], guard: ['203.0.113.0/28', `${ads.v6}/128`] }),
        signal,
      );
      await expectFates({
        pass: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
          ['tv', tv.v4, video.v4],
          ['tv', tv.newV4, ads.v4],
        ],
      });
    });

    test('an address that two owners have is blocked for what either has', async () => {
      const second = owner('2', [tv.v4], [video.v4], [other.mac]);
      await backend.set(blockSet([TV, second]), signal);
      await expectFates({
        blocked: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v4, video.v4],
        ],
      });
    });

    test('the internet is cut and the home stays; the home is cut and the internet stays', async () => {
      const home = ['192.168.1.0/24', `${video.v4}/32`, '2001:db8:1::/56', `${video.v6}/128`];
      const cut = (wide: Wide) => owner('1', [tv.v4, tv.v6], [], [tv.mac], wide);
      for (const [wide, inside, outside] of [
        [{ internet: true }, true, false],
        [{ lan: true }, false, true],
        [{ internet: true, lan: true }, false, false],
        [{}, true, true],
      ] as const) {
        await backend.set(blockSet([cut(wide)], { home }), signal);
        // Also from an address that nobody has seen, from its first packet.
        const from = [tv, { v4: tv.newV4, v6: tv.newV6 }];
        const near: Packet[] = from.flatMap(({ v4, v6 }): Packet[] => [
          ['tv', v4, video.v4],
          ['tv', v6, video.v6],
        ]);
        const far: Packet[] = from.flatMap(({ v4, v6 }): Packet[] => [
          ['tv', v4, ads.v4],
          ['tv', v6, ads.v6],
        ]);
        const others: Packet[] = [
          ['console', other.v4, ads.v4],
          ['console', other.v6, video.v6],
        ];
        await expectFates({
          pass: [...(inside ? near : []), ...(outside ? far : []), ...others],
          blocked: [...(inside ? [] : near), ...(outside ? [] : far)],
        });
        expect(await backend.check(signal)).toEqual([]);
      }
    });

    test('a network is blocked but for a network in it and an address in it; what is blocked in those stays blocked', async () => {
      const networks = ['203.0.113.0/24', '2001:db8:f::/64'];
      const both = owner('1', [tv.v4, tv.v6], [], [tv.mac], { networks });
      await backend.set(blockSet([both]), signal);
      await expectFates({
        blocked: [ads, video].flatMap(({ v4, v6 }): Packet[] => [
          ['tv', tv.v4, v4],
          ['tv', tv.v6, v6],
        ]),
      });
      // 203.0.113.8/29 holds the video, not the ads.
      const part = { networks, exceptedNetworks: ['203.0.113.8/29', '2001:db8:f::8/125'] };
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [], [tv.mac], part)]), signal);
      await expectFates({
        pass: [
          ['tv', tv.v4, video.v4],
          ['tv', tv.v6, video.v6],
        ],
        blocked: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
        ],
      });
      const mixed = { ...part, exceptions: [ads.v4, ads.v6] };
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [video.v4], [tv.mac], mixed)]), signal);
      await expectFates({
        pass: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
          ['tv', tv.newV4, ads.v4],
        ],
        blocked: [['tv', tv.v4, video.v4]],
      });
      expect(await backend.check(signal)).toEqual([]);
    });

    test('what is blocked for everyone passes for the one device that is excepted', async () => {
      const everyone = [ads.v4, ads.v6];
      const excepted = owner('1', [tv.v4, tv.v6], [video.v4], [tv.mac], { exceptions: everyone });
      const known = [other.v4, other.v6];
      for (const owners of [[excepted], [excepted, owner('2', known, [])]]) {
        await backend.set(blockSet(owners, { everyone, known }), signal);
        await expectFates({
          pass: [
            ['tv', tv.v4, ads.v4],
            ['tv', tv.v6, ads.v6],
          ],
          blocked: [
            ['tv', tv.v4, video.v4],
            ['console', other.v4, ads.v4],
            ['console', other.v6, ads.v6],
          ],
        });
      }
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [])], { everyone, known }), signal);
      await expectFates({ blocked: [['tv', tv.v4, ads.v4]] });
    });

    test('the guard beats wide words and networks too', async () => {
      const all = { internet: true, lan: true, networks: ['0.0.0.0/0', '::/0'] };
      const everything = owner('1', [tv.v4, tv.v6], [], [tv.mac], all);
      await backend.set(blockSet([everything], { guard: [`${ads.v4}/32`, `${ads.v6}/128`] }), signal);
      for (const v4 of [tv.v4, tv.newV4]) {
        await expectFates({ pass: [['tv', v4, ads.v4]], blocked: [['tv', v4, video.v4]] });
      }
      await expectFates({ pass: [['tv', tv.v6, ads.v6]], blocked: [['tv', tv.v6, video.v6]] });
    });

    test('drift is told and the next set puts it right', async () => {
      expect(await backend.check(signal)).toEqual([]);
      await backend.set(blockSet([TV]), signal);
      await harness.disturb();
      await expectFates({ pass: [['tv', tv.v4, ads.v4]] });
      expect(await backend.check(signal)).not.toEqual([]);
      expect((await backend.set(blockSet([TV]), signal)).did).toBe('resync');
      await expectFates({ blocked: [['tv', tv.v4, ads.v4]] });
      expect(await backend.check(signal)).toEqual([]);
    });

    test('drops are counted per owner and remote', async () => {
      await backend.set(blockSet([TV], { everyone: [video.v6] }), signal);
      expect(await backend.counters(signal)).toEqual([]);
      await passes('tv', tv.v4, ads.v4);
      await passes('tv', tv.v4, ads.v4);
      await passes('console', other.v6, video.v6);
      const counters = await backend.counters(signal);
      expect(counters).toHaveLength(2);
      const pair = counters.find((one) => one.remote === ads.v4);
      expect(pair).toMatchObject({ owner: TV.id, packets: 2 });
      expect(pair?.bytes).toBeGreaterThan(50);
      expect(counters.find((one) => one.remote === video.v6)).toMatchObject({ owner: undefined, packets: 1 });
      expect(await backend.counters(signal)).toEqual(counters);
    });

    test('drops of networks and wide words are counted per owner', async () => {
      const networks = ['203.0.113.0/24', `${ads.v4}/32`];
      const wide = { networks, internet: true };
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [], [], wide)]), signal);
      await passes('tv', tv.v4, ads.v4);
      await passes('tv', tv.v4, video.v4);
      await passes('tv', tv.v4, video.v4);
      await passes('tv', tv.v6, ads.v6);
      const counters = await backend.counters(signal);
      const packets = new Map(counters.map((one) => [one.remote, one.packets]));
      expect(packets).toEqual(
        new Map([
          [`${ads.v4}/32`, 1],
          ['203.0.113.0/24', 2],
          ['internet', 1],
        ]),
      );
      expect(counters.every((one) => one.owner === TV.id && one.bytes > 50)).toBe(true);
    });

    test('clear lets everything pass and leaves nothing to check', async () => {
      await backend.set(blockSet([TV]), signal);
      await backend.clear(signal);
      await backend.clear(signal);
      expect(backend.plan()).toBeUndefined();
      await expectFates({ pass: [['tv', tv.v4, ads.v4]] });
      expect(await backend.check(signal)).toEqual([]);
      expect(await backend.counters(signal)).toEqual([]);
      expect((await backend.set(blockSet([TV]), signal)).did).toBe('resync');
      await expectFates({ blocked: [['tv', tv.v4, ads.v4]] });
    });

    test('counts go on while their entry stays, whatever else changes, and begin anew with the entry', async () => {
      const more = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac]);
      const hits = async () =>
        (await backend.counters(signal)).map(({ remote, packets }) => [remote, packets]);
      await backend.set(blockSet([TV]), signal);
      await expectFates({ blocked: [['tv', tv.v4, ads.v4]] });
      await backend.set(blockSet([more, owner('2', [other.v4], [video.v4])]), signal);
      await expectFates({ blocked: [['tv', tv.v4, ads.v4]] });
      expect(await hits()).toEqual([[ads.v4, 2]]);
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [ads.v6], [tv.mac])]), signal);
      expect(await hits()).toEqual([]);
      await backend.set(blockSet([TV]), signal);
      expect(await hits()).toEqual([]);
      await expectFates({ blocked: [['tv', tv.v4, ads.v4]] });
      expect(await hits()).toEqual([[ads.v4, 1]]);
    });

    test('what is no address, prefix or MAC is left out, and all else is in force', async () => {
      for (const wrong of RUBBISH) {
        const wide = { networks: [wrong], exceptions: [wrong], exceptedNetworks: [wrong] };
        const bad = owner('1', [tv.v4, tv.v6, wrong], [ads.v4, ads.v6, wrong], [tv.mac, wrong], wide);
        const rest = { everyone: [wrong], known: [wrong], guard: [wrong], home: ['192.168.1.0/24', wrong] };
        await backend.set(blockSet([bad], rest), signal);
      }
      await expectFates({
        pass: [
          ['tv', tv.v4, video.v4],
          ['tv', tv.v6, video.v6],
          ['console', other.v4, ads.v4],
        ],
        blocked: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
          ['tv', tv.newV4, ads.v4],
        ],
      });
      expect(await backend.check(signal)).toEqual([]);
    });

    test('while nothing works every call tells it, what is in force stays, and then the newest comes in force', async () => {
      const more = blockSet([owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac])]);
      await backend.set(blockSet([TV]), signal);
      const plan = backend.plan();
      harness.fail(true);
      for (const want of [more, blockSet([])])
        await expect(backend.set(want, signal)).rejects.toMatchObject({
          name: expect.stringMatching(/^(Temporary|Unavailable)Error$/),
        });
      expect(backend.plan()).toEqual(plan);
      await expectFates({
        pass: [['tv', tv.v4, video.v4]],
        blocked: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v6, ads.v6],
        ],
      });
      harness.fail(false);
      expect((await backend.set(more, signal)).did).toBe('resync');
      await expectFates({
        blocked: [
          ['tv', tv.v4, ads.v4],
          ['tv', tv.v4, video.v4],
          ['tv', tv.v6, ads.v6],
        ],
      });
      expect(await backend.check(signal)).toEqual([]);
    });

    test('an aborted call does nothing', async () => {
      await backend.set(blockSet([]), signal);
      await expect(backend.set(blockSet([TV]), AbortSignal.abort())).rejects.toThrow();
      await expectFates({ pass: [['tv', tv.v4, ads.v4]] });
    });
  });
}
