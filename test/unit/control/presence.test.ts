import { beforeEach, describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import { whereaboutsOf } from '../../../src/control/views/whereabouts.ts';
import { Decider } from '../../../src/local/decider.ts';
import { NodeCache } from '../../../src/local/nodes/node-cache.ts';
import { noInterfaces } from '../../../src/local/observe/interfaces.ts';
import type { PeerState } from '../../../src/p2p/peer-view.ts';
import { deviceId } from '../../../src/policy/identity.ts';
import type { PresenceClaim } from '../../../src/policy/presence.ts';
import { Registers } from '../../../src/policy/registers.ts';
import { admitAll, crypto, deliver, key, replica } from '../../support/household.ts';
import { type FakeParts, fakeParts, see } from '../../support/parts.ts';

const TV = '02:00:00:00:01:01';
const PHONE = '02:00:00:00:01:02';

let parts: FakeParts;
let tv: string;

beforeEach(async () => {
  parts = fakeParts();
  admitAll(parts.replica, [1, 2]);
  tv = deviceId(crypto, parts.replica.home, TV);
  await parts.clock.advance(1_000_000);
});

interface Said {
  name?: string;
  address?: string;
  since?: number;
  seen?: number;
  here?: boolean;
  bytes?: PresenceClaim['bytes'];
  state?: PeerState;
}

/** Router n says this of the TV, as it was some seconds ago. */
function says(
  n: number,
  { name = 'tv', address, since = 60, seen = 0, here = true, bytes, state = 'alive' }: Said = {},
): void {
  const { peer } = key(n);
  const segment = `${peer.slice(0, 12)}/br-lan`;
  const now = parts.clock.monotonic();
  const claim: PresenceClaim = {
    about: {
      node: tv,
      device: true,
      macs: [TV],
      addresses: address === undefined ? [] : [{ address, segment }],
      domains: [],
      names: [name],
    },
    stay: here ? { since: now - since * 1000, seen: now - seen * 1000 } : undefined,
    bytes,
  };
  if (n === 0) parts.presence.mine = [claim];
  else parts.presence.told.push({ peer, state, sinceMs: 0, claims: [claim] });
  parts.presence.version += 1;
}

const run = (name: string, params: unknown) => methodsOf(parts).get(name)?.run(params);
const where = () => whereaboutsOf(parts)([tv]);
const name = (n: number) => parts.directory.routerName(key(n).peer);

describe('a device behind another router', () => {
  it('is known here by its name, its MAC, its address and its id', () => {
    says(1, { address: '192.168.7.20' });
    for (const text of ['tv', 'TV', TV, '192.168.7.20', tv.slice(0, 8)])
      expect(parts.directory.find(text).map(({ subject }) => subject)).toEqual([{ kind: 'device', id: tv }]);
    expect(parts.directory.nodes('devices')).toMatchObject([{ id: tv, macs: [TV], names: ['tv'] }]);
    expect(parts.directory.label({ kind: 'device', id: tv })).toBe('tv');
  });

  it('is one device with what is known of it here', () => {
    expect(see(parts, TV, '192.168.1.20', 'television')).toBe(tv);
    says(1, { address: '192.168.7.20' });
    expect(parts.directory.nodes('devices')).toMatchObject([{ names: ['television', 'tv'] }]);
  });

  it('is forgotten with the presence of its router', () => {
    says(1);
    expect(parts.directory.find('tv')).toHaveLength(1);
    parts.presence.told.pop();
    parts.presence.version += 1;
    expect(parts.directory.find('tv')).toEqual([]);
  });

  it('is observed as its router describes it now', () => {
    says(1, { address: '192.168.7.20' });
    const addresses = () => parts.directory.observed(tv)?.addresses.map(({ address }) => address);
    expect(addresses()).toEqual(['192.168.7.20']);
    parts.presence.told.pop();
    says(1, { address: '192.168.7.21' });
    expect(addresses()).toEqual(['192.168.7.21']);
    const about = { device: true, macs: [TV], domains: [], names: [] };
    for (const [rev, address] of [
      [1, '192.168.8.20'],
      [2, '192.168.8.21'],
    ] as const) {
      parts.registers.author(key(2), { gen: 1, rev }, tv, { node: tv, ...about, addresses: [{ address }] });
      expect(addresses()).toEqual([address, '192.168.7.21']);
    }
  });

  it('does not take the address of one that was seen here', () => {
    const phone = see(parts, PHONE, '192.168.1.20');
    says(1, { address: '192.168.1.20' });
    expect(parts.directory.find('192.168.1.20').map(({ subject }) => subject)).toEqual([
      { kind: 'device', id: phone },
    ]);
  });

  it('is blocked by its name, and its own router enforces it', async () => {
    says(1);
    await run('block', { by: 'anna', first: 'TV', second: '203.0.113.20' });
    // That router has the op, and has seen the device for itself.
    const home = replica();
    deliver(parts.replica, home);
    const cache = new NodeCache({ home: home.home, crypto, clock: parts.clock });
    cache.apply({
      kind: 'neighbour',
      segment: 'kitchen/br-lan',
      interface: 'br-lan',
      address: '192.168.7.20',
      mac: TV,
      present: true,
      fresh: true,
    });
    const decider = new Decider({
      replica: home,
      registers: new Registers({ home: home.home, crypto, isMember: (peer) => home.isMember(peer) }),
      cache,
      crypto,
      self: key(1).peer,
      interfaces: () => ({
        ...noInterfaces,
        lan: [{ name: 'br-lan', segment: 'kitchen/br-lan', prefixes: ['192.168.7.0/24'] }],
      }),
      memberAddresses: () => [],
      networks: [],
      maxAddresses: 1_000,
    });
    cache.addressNode('203.0.113.20');
    const { owners } = decider.blockSet();
    expect([...owners.keys()]).toEqual([tv]);
    expect([...(owners.get(tv)?.addresses ?? [])]).toEqual(['192.168.7.20']);
    expect([...(owners.get(tv)?.remotes.keys() ?? [])]).toEqual(['203.0.113.20']);
  });
});

describe('where a device is', () => {
  it('is with the router to which it came last, and all others that claim it are listed', () => {
    says(0, { since: 3_000 });
    says(1, { since: 10, address: '192.168.7.20' });
    says(2, { since: 500 });
    expect(where()).toMatchObject({
      router: name(1),
      places: [{ router: name(1), segments: ['br-lan'], sinceSeconds: 10 }, {}, {}],
    });
  });

  it('is with the router that still hears it, whenever it came', () => {
    says(0, { since: 3_000 });
    says(1, { since: 10, seen: 240 });
    expect(where().router).toBe(name(0));
  });

  it('is not told by a router that is down', () => {
    says(1, { since: 10, state: 'down' });
    expect(where()).toMatchObject({
      router: undefined,
      places: [{ router: name(1), state: 'down', here: true }],
    });
    says(2, { since: 500 });
    expect(where().router).toBe(name(2));
  });

  it('is nowhere when nobody has it now, whose bytes are added up all the same', () => {
    says(0, { here: false, bytes: { up: 1, down: 2 } });
    says(1, { here: false, bytes: { up: 10, down: 20 } });
    says(2, { here: false, bytes: { up: 100, down: 200 }, state: 'down' });
    expect(where()).toMatchObject({ router: undefined, bytes: { up: 11, down: 22 } });
    expect(where().places).toHaveLength(3);
  });

  it('is unknown of a device that nobody speaks of', () => {
    expect(where()).toEqual({ router: undefined, places: [], bytes: undefined });
  });
});
