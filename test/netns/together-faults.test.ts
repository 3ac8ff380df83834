import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../lab/ask.ts';
import { allTogether, makeCommunity, routersOf } from '../../lab/community.ts';
import { readdress } from '../../lab/faults.ts';
import type { House } from '../../lab/house-api.ts';
import { powerOff, powerOn, signalAgents, wipe } from '../../lab/power.ts';
import { Sightings } from '../../lab/sightings.ts';
import { until } from '../../lab/wait.ts';
import { block, inKernels, raiseCommunity } from './together.ts';

/** The tolerance of a home of three and more, and what a busy machine may add to it, milliseconds. */
const TOLERANCE_MS = 6_000;
const SLACK_MS = 4_000;
/** Half of the tolerance, then twice a third of it for the newest answer of a member, and the tolerance itself at most. */
const DOWN_MS = TOLERANCE_MS + TOLERANCE_MS / 3 + SLACK_MS;
const BACK_MS = 20_000;

describe('a home of four whose routers fail', () => {
  let house: House;
  let sightings: Sightings;
  beforeAll(async () => {
    house = await raiseCommunity('test-faults', makeCommunity(4, { wildcard: true }));
    await allTogether(house);
    sightings = new Sightings(house, routersOf(house));
    await until('the first look', () => sightings.state('r3', 'r4') === 'alive');
  });
  afterAll(async () => {
    await sightings?.stop();
    await house?.down();
  });

  const gone = ['down', 'pruned'];
  const bothSee = async (from: number, seen: string, states: readonly string[], timeoutMs: number) =>
    await Promise.all(['r1', 'r2'].map((seer) => sightings.seen(from, [seer, seen], states, { timeoutMs })));

  it('calls a killed and a stopped router down in time; the stopped one, on waking up, declares nobody down', async () => {
    const failed = performance.now();
    await signalAgents(house, ['r4'], 'SIGKILL');
    await signalAgents(house, ['r3'], 'SIGSTOP');
    await Promise.all(['r3', 'r4'].map((seen) => bothSee(failed, seen, gone, DOWN_MS)));
    const started = await powerOn(house, ['r4']);
    await bothSee(started, 'r4', ['alive'], BACK_MS);
    await until('8 s', () => performance.now() - failed > 8_000, { everyMs: 100 });
    const continued = performance.now();
    await signalAgents(house, ['r3'], 'SIGCONT');
    await allTogether(house);
    // Long enough for what it would have declared to be seen.
    await until('2 s', () => performance.now() - continued > 2_000, { everyMs: 100 });
    const declared = sightings
      .since(failed)
      .filter(({ seer, state }) => seer === 'r3' && gone.includes(state));
    expect(declared).toEqual([]);
  });

  it('finds a router again whose address has changed', async () => {
    await readdress(house, 'r3', 203);
    const addresses = async (router: string) =>
      (await ask<{ router: string; address?: string; state: string }[]>(house, router, 'peers')).filter(
        ({ router, state }) => router === 'r3' && state === 'alive',
      );
    for (const router of ['r1', 'r2']) {
      await until(
        `${router} to be connected with the new address`,
        async () => (await addresses(router))[0]?.address?.includes('198.51.100.203'),
        { timeoutMs: 30_000, everyMs: 100 },
      );
    }
    await allTogether(house);
    await block(house, 'r1', '203.0.113.40');
    expect(await inKernels(house, '203.0.113.40')).toBeDefined();
  });

  it('takes in a router whose disk is new', async () => {
    await powerOff(house, ['r4']);
    await wipe(house, 'r4');
    await powerOn(house, ['r4']);
    const { peer } = await ask<{ peer: string }>(house, 'r4', 'status');
    const { bundle } = await ask<{ bundle: string }>(house, 'r2', 'home.add', {
      peer,
      name: 'r5',
      by: 'test',
    });
    await ask(house, 'r4', 'home.join', { bundle });
    expect(await inKernels(house, '203.0.113.40')).toBeDefined();
    await block(house, 'r4', '203.0.113.51');
    expect(await inKernels(house, '203.0.113.51')).toBeDefined();
  });

  it('takes part with a clock that stands at 1970', async () => {
    await powerOff(house, ['r3']);
    await block(house, 'r1', '203.0.113.20');
    await powerOn(house, ['r3'], { wallClock: '1970-01-01 00:00:10' });
    await allTogether(house, { among: ['r1', 'r2', 'r3'] });
    const { clock } = await ask<{ clock: { trusted: boolean } }>(house, 'r3', 'status');
    expect(clock.trusted).toBe(false);
    await block(house, 'r3', '203.0.113.30');
    expect(await inKernels(house, '203.0.113.20')).toBeDefined();
    expect(await inKernels(house, '203.0.113.30')).toBeDefined();
  });
});
