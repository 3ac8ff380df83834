import { expect, it } from 'vitest';
import { agentConfig } from '../../lab/agents.ts';
import { makeCommunity, threeSubnets } from '../../lab/community.ts';
import { checkTopology, routerAddress, subnetsOf } from '../../lab/topology.ts';

it('a router in three subnets listens in each of them, and is told of nobody', () => {
  const topology = threeSubnets();
  const [mid, a1] = topology.routers;
  if (mid === undefined || a1 === undefined) throw new Error('there are four routers');
  expect(subnetsOf(mid).map((subnet) => routerAddress(mid, subnet).ipv4)).toEqual([
    ...['10.0.1.11', '10.0.2.11', '10.0.3.11'],
  ]);
  expect(agentConfig(mid, topology).p2p).toEqual({
    listen: ['/ip4/10.0.1.11/tcp/4411', '/ip4/10.0.2.11/tcp/4411', '/ip4/10.0.3.11/tcp/4411'],
    bootstrap: [],
  });
  expect(agentConfig(a1, topology).p2p).toMatchObject({ listen: ['/ip4/10.0.1.12/tcp/4411'] });
});

it.each([1, 20, 99])('a community of %i routers', (count) => {
  const { routers, devices } = makeCommunity(count, { devices: count });
  expect([routers.length, devices.length]).toEqual([count, count]);
});

it.each([[[]], [[10]], [[1, 1]], [[0.5]]])('the subnets %j are refused', (subnets) => {
  const topology = makeCommunity(1);
  const routers = topology.routers.map((router) => ({ ...router, subnets }));
  expect(() => checkTopology({ ...topology, routers })).toThrow('want one subnet or more');
});
