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

export interface BackendHarness {
  readonly backend: Backend;
  /** True if a packet of this device with this source address gets to the remote and its answer back. */
  passes(device: 'tv' | 'console', source: Address, remote: Address): Promise<boolean>;
  /** Somebody else flushes the kernel's tables. */
  disturb(): Promise<void>;
  close(): Promise<void>;
}

const { tv, console: other, ads, video } = world;
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
const WITHOUT_MAC = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6]);

/** What every backend that enforces must do; run by the fake and by the real kernel. */
export function backendContract(name: string, open: () => Promise<BackendHarness>): void {
  describe(`backend contract: ${name}`, () => {
    let harness: BackendHarness;
    let backend: Backend;
    const { signal } = new AbortController();
    const passes: BackendHarness['passes'] = (...of) => harness.passes(...of);
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
      const more = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac]);
      expect((await backend.set(blockSet([more]), signal)).did).toBe('update');
      expect(await backend.check(signal)).toEqual([]);
    });

    test('a pair is blocked for its owner, both families, and for nobody and nothing else; lifting it lets it pass', async () => {
      await backend.set(blockSet([]), signal);
      expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
      expect(await passes('tv', tv.v6, ads.v6)).toBe(true);
      await backend.set(blockSet([TV]), signal);
      expect(await passes('tv', tv.v4, ads.v4)).toBe(false);
      expect(await passes('tv', tv.v6, ads.v6)).toBe(false);
      expect(await passes('tv', tv.v4, video.v4)).toBe(true);
      expect(await passes('tv', tv.v6, video.v6)).toBe(true);
      expect(await passes('console', other.v4, ads.v4)).toBe(true);
      expect(await passes('console', other.v6, ads.v6)).toBe(true);
      await backend.set(blockSet([]), signal);
      expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
      expect(await passes('tv', tv.v6, ads.v6)).toBe(true);
      expect(await backend.check(signal)).toEqual([]);
    });

    test('what is blocked for everyone is blocked for every device', async () => {
      const known = [other.v4, other.v6];
      const owners = [owner('1', [tv.v4, tv.v6], [video.v4], [tv.mac])];
      await backend.set(blockSet(owners, { everyone: [ads.v4, ads.v6], known }), signal);
      for (const [device, { v4, v6 }] of [
        ['tv', tv],
        ['console', other],
      ] as const) {
        expect(await passes(device, v4, ads.v4)).toBe(false);
        expect(await passes(device, v6, ads.v6)).toBe(false);
      }
      expect(await passes('tv', tv.v4, video.v4)).toBe(false);
      expect(await passes('console', other.v4, video.v4)).toBe(true);
    });

    test('a new address of a device is cut by its MAC until it is known, then as an address', async () => {
      await backend.set(blockSet([WITHOUT_MAC]), signal);
      expect(await passes('tv', tv.newV4, ads.v4)).toBe(true);
      await backend.set(blockSet([TV]), signal);
      expect(await passes('tv', tv.newV4, ads.v4)).toBe(false);
      expect(await passes('tv', tv.newV6, ads.v6)).toBe(false);
      expect(await passes('tv', tv.newV4, video.v4)).toBe(true);
      // Known, and another's: the MAC is not asked.
      await backend.set(blockSet([TV], { known: [tv.newV4] }), signal);
      expect(await passes('tv', tv.newV4, ads.v4)).toBe(true);
      const moved = owner('1', [tv.newV4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
      await backend.set(blockSet([moved]), signal);
      expect(await passes('tv', tv.newV4, ads.v4)).toBe(false);
    });

    test('the guard beats every block', async () => {
      await backend.set(
        blockSet([TV], { everyone: [video.v4], guard: ['203.0.113.0/28', `${ads.v6}/128`] }),
        signal,
      );
      expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
      expect(await passes('tv', tv.v6, ads.v6)).toBe(true);
      expect(await passes('tv', tv.v4, video.v4)).toBe(true);
      expect(await passes('tv', tv.newV4, ads.v4)).toBe(true);
    });

    test('an address that two owners have is blocked for what either has', async () => {
      const second = owner('2', [tv.v4], [video.v4], [other.mac]);
      await backend.set(blockSet([TV, second]), signal);
      expect(await passes('tv', tv.v4, ads.v4)).toBe(false);
      expect(await passes('tv', tv.v4, video.v4)).toBe(false);
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
        for (const [v4, v6] of [
          [tv.v4, tv.v6],
          [tv.newV4, tv.newV6],
        ] as const) {
          expect(await passes('tv', v4, video.v4)).toBe(inside);
          expect(await passes('tv', v6, video.v6)).toBe(inside);
          expect(await passes('tv', v4, ads.v4)).toBe(outside);
          expect(await passes('tv', v6, ads.v6)).toBe(outside);
        }
        expect(await passes('console', other.v4, ads.v4)).toBe(true);
        expect(await passes('console', other.v6, video.v6)).toBe(true);
        expect(await backend.check(signal)).toEqual([]);
      }
    });

    test('a network is blocked but for a network in it and an address in it; what is blocked in those stays blocked', async () => {
      const networks = ['203.0.113.0/24', '2001:db8:f::/64'];
      const both = owner('1', [tv.v4, tv.v6], [], [tv.mac], { networks });
      await backend.set(blockSet([both]), signal);
      for (const { v4, v6 } of [ads, video]) {
        expect(await passes('tv', tv.v4, v4)).toBe(false);
        expect(await passes('tv', tv.v6, v6)).toBe(false);
      }
      // 203.0.113.8/29 holds the video, not the ads.
      const part = { networks, exceptedNetworks: ['203.0.113.8/29', '2001:db8:f::8/125'] };
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [], [tv.mac], part)]), signal);
      expect(await passes('tv', tv.v4, ads.v4)).toBe(false);
      expect(await passes('tv', tv.v6, ads.v6)).toBe(false);
      expect(await passes('tv', tv.v4, video.v4)).toBe(true);
      expect(await passes('tv', tv.v6, video.v6)).toBe(true);
      const mixed = { ...part, exceptions: [ads.v4, ads.v6] };
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [video.v4], [tv.mac], mixed)]), signal);
      expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
      expect(await passes('tv', tv.v6, ads.v6)).toBe(true);
      expect(await passes('tv', tv.newV4, ads.v4)).toBe(true);
      expect(await passes('tv', tv.v4, video.v4)).toBe(false);
      expect(await backend.check(signal)).toEqual([]);
    });

    test('what is blocked for everyone passes for the one device that is excepted', async () => {
      const everyone = [ads.v4, ads.v6];
      const excepted = owner('1', [tv.v4, tv.v6], [video.v4], [tv.mac], { exceptions: everyone });
      const known = [other.v4, other.v6];
      for (const owners of [[excepted], [excepted, owner('2', known, [])]]) {
        await backend.set(blockSet(owners, { everyone, known }), signal);
        expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
        expect(await passes('tv', tv.v6, ads.v6)).toBe(true);
        expect(await passes('tv', tv.v4, video.v4)).toBe(false);
        expect(await passes('console', other.v4, ads.v4)).toBe(false);
        expect(await passes('console', other.v6, ads.v6)).toBe(false);
      }
      await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [])], { everyone, known }), signal);
      expect(await passes('tv', tv.v4, ads.v4)).toBe(false);
    });

    test('the guard beats wide words and networks too', async () => {
      const all = { internet: true, lan: true, networks: ['0.0.0.0/0', '::/0'] };
      const everything = owner('1', [tv.v4, tv.v6], [], [tv.mac], all);
      await backend.set(blockSet([everything], { guard: [`${ads.v4}/32`, `${ads.v6}/128`] }), signal);
      for (const v4 of [tv.v4, tv.newV4]) {
        expect(await passes('tv', v4, ads.v4)).toBe(true);
        expect(await passes('tv', v4, video.v4)).toBe(false);
      }
      expect(await passes('tv', tv.v6, ads.v6)).toBe(true);
      expect(await passes('tv', tv.v6, video.v6)).toBe(false);
    });

    test('drift is told and the next set puts it right', async () => {
      expect(await backend.check(signal)).toEqual([]);
      await backend.set(blockSet([TV]), signal);
      await harness.disturb();
      expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
      expect(await backend.check(signal)).not.toEqual([]);
      expect((await backend.set(blockSet([TV]), signal)).did).toBe('resync');
      expect(await passes('tv', tv.v4, ads.v4)).toBe(false);
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
      expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
      expect(await backend.check(signal)).toEqual([]);
      expect(await backend.counters(signal)).toEqual([]);
      expect((await backend.set(blockSet([TV]), signal)).did).toBe('resync');
      expect(await passes('tv', tv.v4, ads.v4)).toBe(false);
    });

    test('an aborted call does nothing', async () => {
      await backend.set(blockSet([]), signal);
      await expect(backend.set(blockSet([TV]), AbortSignal.abort())).rejects.toThrow();
      expect(await passes('tv', tv.v4, ads.v4)).toBe(true);
    });
  });
}
