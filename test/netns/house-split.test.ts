import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../lab/ask.ts';
import { admit, allAlive } from '../../lab/home.ts';
import type { House } from '../../lab/house-api.ts';
import { timeUntil, until } from '../../lab/wait.ts';
import { block, digests, EVERY_WAY, raiseHome, stream, unblock, ways } from './home.ts';

interface Policy {
  id: string;
  a: { label: string };
  b: { label: string };
}

describe('a home whose routers were apart', () => {
  let house: House;
  beforeAll(async () => {
    house = await raiseHome('test-split');
  });
  afterAll(async () => {
    await house?.down();
  });

  const policies = async (router: string) =>
    (await ask<Policy[]>(house, router, 'policies')).map(({ a, b }) => `${a.label} ${b.label}`).sort();
  /** Until a router that begins has its first decision in the kernel, what is blocked there is not yet in force, and is told so. */
  const enforces = (router: string) =>
    until(`${router} to enforce`, async () => {
      const status = await ask<{ enforcement: { enforcing: boolean } }>(house, router, 'status');
      return status.enforcement.enforcing;
    });

  it('agrees within two seconds of healing, and what was blocked on one side while it was lifted on the other is blocked', async () => {
    await block(house, 'attic', 'tv', 'video.example');
    await block(house, 'attic', 'tv', 'tracker.example');
    await house.cut('garage', 'attic');
    await house.cut('garage', 'kitchen');

    // Both sides change, also the same pair: lifted and made again in the attic, lifted in the garage.
    await unblock(house, 'attic', 'tv', 'tracker.example');
    await block(house, 'attic', 'tv', 'tracker.example');
    await block(house, 'attic', 'console', 'ads.example');
    await unblock(house, 'garage', 'tv', 'video.example');
    await unblock(house, 'garage', 'tv', 'tracker.example');
    expect(new Set(await digests(house)).size).toBe(2);
    expect(await policies('garage')).toEqual([]);
    expect(await ways(house, 'tv', 'tracker.example')).toEqual([]);

    await until(
      'garage to be noticed as gone',
      async () => {
        const peers = await ask<{ router: string; state: string }[]>(house, 'attic', 'peers');
        return peers.some(({ router, state }) => router === 'garage' && state === 'down');
      },
      { timeoutMs: 20_000 },
    );
    await house.heal();
    const took = await timeUntil(async () => new Set(await digests(house)).size === 1, { timeoutMs: 20_000 });
    expect(took).toBeLessThan(2_000);
    for (const router of ['attic', 'kitchen', 'garage']) {
      expect(await policies(router), router).toEqual(['console ads.example', 'tv tracker.example']);
    }
    await until(
      'the kernel to follow',
      async () => (await ways(house, 'tv', 'video.example')).length === EVERY_WAY.length,
    );
    expect(await ways(house, 'tv', 'tracker.example')).toEqual([]);
    expect(await ways(house, 'console', 'ads.example')).toEqual([]);
  });

  it.each(['garage', 'attic'])(
    'gives %s everything within two seconds after its store was lost',
    async (router) => {
      // It loses everything but its key and its home, and comes back; the attic founded the home.
      const device = router === 'garage' ? 'laptop' : 'console';
      const others = ['attic', 'kitchen', 'garage'].filter((name) => name !== router);
      await block(house, router, device, 'ads.example');
      await until('all to agree', async () => new Set(await digests(house)).size === 1);
      const written = await policies('kitchen');
      const [before] = await digests(house);
      const leak = `wiped_${router}`;
      await house.count(leak, 'ip daddr 203.0.113.20 udp dport 7');
      const stop = await stream(house, device, 500, ['203.0.113.20,7']);
      await house.kill(router, 'SIGKILL');
      await house.sh(`rm -rf /run/lab/${router}/state/store /run/lab/${router}/state/slots`);
      await house.start(router);
      const equal = async () => new Set([...(await digests(house)), before ?? '']).size === 1;
      expect(await timeUntil(equal, { timeoutMs: 20_000 })).toBeLessThan(2_000);
      await until(
        'the names to be here',
        async () => JSON.stringify(await policies(router)) === JSON.stringify(written),
        // Names come with the registers and with the leases, which are read every ten seconds.
        { timeoutMs: 25_000 },
      );

      // It did not take its empty store for a home without blocks: what only its older self knew is told at once.
      await stop();
      expect((await house.counts())[leak]).toBe(0);

      // What it writes now counts on all routers, beside what it wrote in its former life.
      await enforces(router);
      expect(await block(house, router, device, 'video.example')).toMatchObject({ enforced: true });
      await until('all to agree', async () => new Set(await digests(house)).size === 1);
      for (const other of others) {
        expect(await policies(other), other).toEqual([...written, `${device} video.example`].sort());
      }
      expect(await ways(house, device, 'ads.example')).toEqual([]);
      expect(await ways(house, device, 'video.example')).toEqual([]);
    },
  );

  it('gives a router that joins later everything within two seconds', async () => {
    // The kitchen gets a new key, as a new box in its place would have.
    await house.kill('kitchen', 'SIGKILL');
    await house.sh('rm -rf /run/lab/kitchen/state');
    await house.start('kitchen');
    const bundle = await admit(house, 'attic', 'kitchen');
    await ask(house, 'kitchen', 'home.join', { bundle });
    const began = performance.now();
    await allAlive(house, 'kitchen', 2);
    const connected = performance.now();
    const wanted = await digests(house).then(([attic]) => attic);
    await until(
      'the kitchen to have it all',
      async () => (await ask<{ digest: string }>(house, 'kitchen', 'status')).digest === wanted,
    );
    expect(performance.now() - connected).toBeLessThan(2_000);
    expect(connected - began).toBeLessThan(20_000);
    // Names come with the registers, right after the ops.
    const named = async () =>
      JSON.stringify(await policies('kitchen')) === JSON.stringify(await policies('attic'));
    await until('the kitchen to know the names', named);
    await enforces('kitchen');
    expect(await block(house, 'kitchen', 'phone', 'tracker.example')).toMatchObject({ enforced: true });
    expect(await ways(house, 'phone', 'tracker.example')).toEqual([]);
    expect(await policies('attic')).toContain('phone tracker.example');
  });
});
