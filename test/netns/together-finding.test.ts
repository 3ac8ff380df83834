import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTogether, makeCommunity, routersOf } from '../../lab/community.ts';
import { readdress } from '../../lab/faults.ts';
import type { House } from '../../lab/house-api.ts';
import { powerOff, powerOn } from '../../lab/power.ts';
import { block, inKernels, raiseCommunity } from './together.ts';

describe('routers that are told no addresses', () => {
  let house: House;
  beforeAll(async () => {
    house = await raiseCommunity('test-finding', makeCommunity(3, { bootstrap: false, wildcard: true }));
  });
  afterAll(async () => {
    await house?.down();
  });

  it('find each other in their subnet', async () => {
    await allTogether(house);
  });

  it('find each other when every one of them comes back with another address', async () => {
    await powerOff(house, routersOf(house));
    for (const [i, router] of routersOf(house).entries()) await readdress(house, router, 201 + i);
    await powerOn(house, routersOf(house));
    await allTogether(house);
    await block(house, 'r2', '203.0.113.20');
    expect(await inKernels(house, '203.0.113.20')).toBeDefined();
  });
});
