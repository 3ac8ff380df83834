import { expect, it } from 'vitest';
import { checkTopology, findLan, makeTopology } from '../../lab/topology.ts';

const house = makeTopology();

it('the house of the demo', () => {
  expect(house.routers.map(({ name }) => name)).toEqual(['attic', 'kitchen', 'garage']);
  expect(house.devices.map(({ name, router }) => `${name}@${router}`)).toEqual([
    ...['tv@attic', 'console@attic', 'guest@attic', 'phone@kitchen', 'camera@kitchen'],
    ...['laptop@garage', 'printer@garage'],
  ]);
  expect(findLan(house, { router: 'attic', bridge: 'br-guest' })?.number).toBe(101);
});

it.each([1, 2, 3, 4, 50, 99])('%i routers have names, numbers, prefixes and MACs of their own', (count) => {
  const { routers, devices } = makeTopology(count);
  expect(routers).toHaveLength(count);
  expect(new Set(devices.map(({ mac }) => mac)).size).toBe(devices.length);
});

it.each([0, 100, 1.5, Number.NaN])('%s routers cannot be', (count) => {
  expect(() => makeTopology(count)).toThrow('1 to 99 routers');
});

const [tv] = house.devices;
const [attic] = house.routers;
it.each([
  ['a name for a shell', { devices: [{ ...tv, name: 'tv; reboot' }] }, 'the name tv; reboot'],
  ['a name too long for an interface', { devices: [{ ...tv, name: 'television1' }] }, 'television1'],
  ['the name of the internet', { routers: [{ ...attic, name: 'net' }], devices: [] }, 'the name net'],
  ['a device twice', { devices: [tv, tv] }, 'the name tv is there twice'],
  [
    'a LAN twice',
    { routers: [attic, { ...attic, name: 'cellar', number: 9 }] },
    'the LAN number 1 is there twice',
  ],
  ['a device without a bridge', { devices: [{ ...tv, bridge: 'br-iot' }] }, 'attic has no br-iot'],
  ['a router without a LAN', { routers: [{ ...attic, lans: [] }], devices: [] }, 'at least one LAN'],
])('%s is refused', (_, change, message) => {
  expect(() => checkTopology({ ...house, ...change } as typeof house)).toThrow(message);
});
