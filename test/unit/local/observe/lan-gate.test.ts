import { expect, test } from 'vitest';
import type { Interfaces } from '../../../../src/local/observe/interfaces.ts';
import { LanGate } from '../../../../src/local/observe/lan-gate.ts';
import type { Seen } from '../../../../src/local/observe/seen.ts';

const HOUSE: Interfaces = {
  lan: [{ name: 'br-lan', segment: 'attic/br-lan', prefixes: ['192.168.77.0/24', 'fd77::/64'] }],
  wan: ['wan0'],
  addresses: new Set(['192.168.77.1', 'fd77::1', '203.0.113.1']),
  lanPrefixes: new Set(['192.168.77.0/24', 'fd77::/64']),
  macs: new Set(['02:00:00:00:00:01']),
  nextHops: new Set(['192.168.77.9', '203.0.113.2']),
};

function gate(): LanGate {
  const made = new LanGate();
  made.set(HOUSE);
  return made;
}

function seen(more: Partial<Seen>): Seen {
  return {
    kind: 'seen',
    interface: 'br-lan',
    address: '192.168.77.11',
    mac: '02:00:00:00:01:01',
    present: true,
    fresh: true,
    ...more,
  };
}

test('a neighbour on the LAN gets its segment, with the VLAN of its frame', () => {
  expect(gate().admit(seen({}))).toMatchObject({ kind: 'neighbour', segment: 'attic/br-lan' });
  expect(gate().admit(seen({ vlan: 20 }))).toMatchObject({ segment: 'attic/br-lan/20' });
});

test('who is on the WAN, is this router, or is a next hop, is no device', () => {
  const made = gate();
  expect(made.admit(seen({ interface: 'wan0' }))).toBeUndefined();
  expect(made.admit(seen({ mac: '02:00:00:00:00:01' }))).toBeUndefined();
  expect(made.admit(seen({ address: '192.168.77.1', mac: '02:00:00:00:09:09' }))).toBeUndefined();
  expect(made.admit(seen({ address: '192.168.77.9', mac: '02:00:00:00:08:08' }))).toBeUndefined();
  expect(made.counters).toMatchObject({ elsewhere: 1, router: 3 });
});

test('a next hop stays one under its other addresses and names, in whatever order a reading has them', () => {
  const mac = '02:00:00:00:08:08';
  const facts = gate().admitAll([seen({ address: 'fd77::9', mac }), seen({ address: '192.168.77.9', mac })]);
  expect(facts).toEqual([]);
  const made = gate();
  made.admit(seen({ address: '192.168.77.9', mac }));
  expect(made.admit({ kind: 'hostName', mac, name: 'gateway', source: 'mdns' })).toBeUndefined();
  made.set({ ...HOUSE, nextHops: new Set() });
  expect(made.admit(seen({ address: '192.168.77.9', mac }))).toBeDefined();
});

test('whoever turns out to be a next hop or this router is told once: it may have been taken for a device', () => {
  const told: string[] = [];
  const made = new LanGate((mac) => told.push(mac));
  made.set(HOUSE);
  expect(told).toEqual(['02:00:00:00:00:01']);
  const mac = '02:00:00:00:08:08';
  expect(made.admit(seen({ address: '192.168.77.99', mac }))).toBeDefined();
  for (let i = 0; i < 3; i++) made.admit(seen({ address: '192.168.77.9', mac }));
  made.set({ ...HOUSE, macs: new Set([...HOUSE.macs, '02:00:00:00:00:07']) });
  expect(told.slice(1)).toEqual([mac, '02:00:00:00:00:07']);
});

test('the other routers of the home are no devices', () => {
  const made = gate();
  made.exclude(new Set(['02:00:00:00:01:01']));
  expect(made.admit(seen({}))).toBeUndefined();
  made.exclude(new Set());
  expect(made.admit(seen({}))).toBeDefined();
});

test('the sender of a packet from beyond the segment is whoever passed it on', () => {
  const made = gate();
  expect(made.admit(seen({ address: '192.168.50.7', routed: true }))).toBeUndefined();
  expect(made.admit(seen({ address: 'fe80::7', routed: true }))).toBeDefined();
  expect(made.admit(seen({ address: '192.168.77.7', routed: true }))).toBeDefined();
  // A neighbour table or an ARP frame is of the segment whatever the address.
  expect(made.admit(seen({ address: '192.168.50.7' }))).toBeDefined();
});

test('answers lose the addresses of the LAN; the names of devices are not remotes', () => {
  const answer = { kind: 'answer', domain: 'nas.example', chain: [], ttlS: 60 } as const;
  const made = gate();
  expect(made.admit({ ...answer, addresses: ['192.168.77.11', '198.51.100.7'] })).toMatchObject({
    addresses: ['198.51.100.7'],
  });
  expect(made.admit({ ...answer, addresses: ['192.168.77.11', 'fd77::1'] })).toBeUndefined();
  expect(made.admit({ ...answer, addresses: [] })).toBeDefined();
});
