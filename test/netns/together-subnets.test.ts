import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTogether, threeSubnets } from '../../lab/community.ts';
import type { House } from '../../lab/house-api.ts';
import { powerOff, powerOn } from '../../lab/power.ts';
import { block, inKernels, raiseCommunity } from './together.ts';

const EDGES = ['a1', 'b1', 'c1'];

describe('three subnets with one router in all of them', () => {
  let house: House;
  beforeAll(async () => {
    house = await raiseCommunity('test-subnets', threeSubnets(), async (bare) => await bare.routed(false));
  });
  afterAll(async () => {
    await house?.down();
  });

  it('puts what is blocked in one in force in the others, which it cannot reach', async () => {
    const { code } = await house.exec('a1', ['ping', '-c', '1', '-W', '1', '10.0.3.14']);
    expect(code).toBe(1);
    await block(house, 'a1', '203.0.113.20');
    expect(await inKernels(house, '203.0.113.20')).toBeDefined();
  });

  it('brings over what was blocked while the router between them was off', async () => {
    await powerOff(house, ['mid']);
    await block(house, 'a1', '203.0.113.30');
    await block(house, 'c1', '203.0.113.40');
    expect(await inKernels(house, '203.0.113.30', ['a1'])).toBeDefined();
    expect(await inKernels(house, '203.0.113.30', ['b1', 'c1'], 1_000)).toBeUndefined();
    await powerOn(house, ['mid']);
    expect(await inKernels(house, '203.0.113.30')).toBeDefined();
    expect(await inKernels(house, '203.0.113.40')).toBeDefined();
  });

  it('has them dial each other as soon as something routes between the subnets', async () => {
    await house.routed(true);
    await allTogether(house);
    await powerOff(house, ['mid']);
    await block(house, 'b1', '203.0.113.51');
    expect(await inKernels(house, '203.0.113.51', EDGES)).toBeDefined();
  });
});
