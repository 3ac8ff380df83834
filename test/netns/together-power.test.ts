import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTogether, makeCommunity, routersOf } from '../../lab/community.ts';
import type { House } from '../../lab/house-api.ts';
import { powerOff, powerOn } from '../../lab/power.ts';
import { routerAddress } from '../../lab/topology.ts';
import { until } from '../../lab/wait.ts';
import { ways } from './home.ts';
import { block, inKernels, raiseCommunity } from './together.ts';

/** Twenty are in `npm run bench -- together`. */
const ROUTERS = 6;

describe(`a home of ${ROUTERS} after a power cut`, () => {
  let house: House;
  beforeAll(async () => {
    const plain = makeCommunity(ROUTERS);
    // Between the routers is the home too: where they are is guarded.
    const routers = plain.routers.map((router) => ({
      ...router,
      config: { ...router.config, home: { networks: ['198.51.100.0/24'] } },
    }));
    house = await raiseCommunity('test-power', { ...plain, routers });
  }, 180_000);
  afterAll(async () => {
    await house?.down();
  });

  it('is together again, and what was blocked before is blocked on all of them', async () => {
    await block(house, 'r5', '203.0.113.20');
    expect(await inKernels(house, '203.0.113.20')).toBeDefined();
    await powerOff(house, routersOf(house));
    expect(await ways(house, 'd1', 'ads.example')).not.toEqual([]);

    await powerOn(house, routersOf(house));
    expect(await inKernels(house, '203.0.113.20')).toBeDefined();
    expect(await ways(house, 'd1', 'video.example')).not.toEqual([]);
    await allTogether(house, { timeoutMs: 120_000 });
    await block(house, 'r3', '203.0.113.30');
    expect(await inKernels(house, '203.0.113.30')).toBeDefined();
  }, 240_000);

  it('guards where the others were before they are there again', async () => {
    await powerOff(house, routersOf(house));
    await powerOn(house, ['r1']);
    const others = house.topology.routers.slice(1).map((router) => routerAddress(router, 0).ipv4);
    let guarded: string[] = [];
    // Its socket accepts before its kernel has the first decision. Nobody else is there to tell it anything meanwhile.
    const hasDecided = async () => {
      guarded = (await house.exec('r1', ['ipset', 'list', 'hedge-U-4'])).stdout.split('\n');
      return guarded.some((line) => line === '127.0.0.0/8');
    };
    await until('r1 to guard anything', hasDecided, { timeoutMs: 30_000 });
    expect(guarded).toEqual(expect.arrayContaining(others));
  });
});
