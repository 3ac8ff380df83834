import { expect, test } from 'vitest';
import { endsOf, type Places } from '../../../../src/local/flows/ends.ts';
import { AddressReader } from '../../../../src/local/observe/address-reader.ts';
import { type ConntrackEntry, parseConntrackLine } from '../../../../src/local/observe/conntrack.ts';

const DEVICES = new Map([
  ['192.168.77.11', 'tv'],
  ['fd77::11', 'tv'],
  ['192.168.77.12', 'camera'],
  ['192.168.20.5', 'guest'],
]);

const places: Places = {
  isOwn: (address) => ['192.168.77.1', '203.0.113.1', 'fd77::1'].includes(address),
  isLan: (address) => /^192\.168\.(77|20)\.|^fd77:/.test(address),
  deviceAt: (address) => DEVICES.get(address),
  remoteAt: (address) => (address === '192.0.2.255' ? undefined : `remote ${address}`),
};

function entry(text: string): ConntrackEntry {
  const read = parseConntrackLine(text, new AddressReader());
  if (read === undefined) throw new Error(`not an entry: ${text}`);
  return read;
}

const tcp = (src: string, dst: string, dport: number, from: string, to: string, sport = dport) =>
  entry(
    `tcp 6 9 ESTABLISHED src=${src} dst=${dst} sport=4000 dport=${dport} src=${from} dst=${to} sport=${sport} dport=4000`,
  );

test.each([
  [
    'out through NAT',
    tcp('192.168.77.11', '198.51.100.7', 443, '198.51.100.7', '203.0.113.1'),
    { device: 'tv', other: 'remote 198.51.100.7', otherIsDevice: false, port: 443, outward: true },
  ],
  [
    'out over IPv6, the same code',
    tcp('fd77::11', '2001:db8::7', 443, '2001:db8::7', 'fd77::11'),
    { device: 'tv', other: 'remote 2001:db8::7', otherIsDevice: false, port: 443, outward: true },
  ],
  [
    'in through a port forward: the service is the port on the device',
    tcp('198.51.100.9', '203.0.113.1', 8080, '192.168.77.12', '198.51.100.9', 80),
    { device: 'camera', other: 'remote 198.51.100.9', otherIsDevice: false, port: 80, outward: false },
  ],
  [
    'turned back into the LAN by a port forward',
    tcp('192.168.77.11', '203.0.113.1', 8080, '192.168.77.12', '192.168.77.1', 80),
    { device: 'tv', other: 'camera', otherIsDevice: true, port: 80, outward: true },
  ],
  [
    'to the internet, answered by a device (a DNS filter)',
    tcp('192.168.77.11', '198.51.100.53', 53, '192.168.20.5', '192.168.77.11', 5353),
    { device: 'tv', other: 'guest', otherIsDevice: true, port: 5353, outward: true },
  ],
  [
    'to the internet, answered by the router: the node that was meant',
    tcp('192.168.77.11', '198.51.100.53', 53, '192.168.77.1', '192.168.77.11'),
    { device: 'tv', other: 'remote 198.51.100.53', otherIsDevice: false, port: 53, outward: true },
  ],
  [
    'from one LAN to another',
    tcp('192.168.77.11', '192.168.20.5', 631, '192.168.20.5', '192.168.77.11'),
    { device: 'tv', other: 'guest', otherIsDevice: true, port: 631, outward: true },
  ],
  ['to the router', tcp('192.168.77.11', '192.168.77.1', 53, '192.168.77.1', '192.168.77.11'), 'router'],
  ['of the router', tcp('203.0.113.1', '198.51.100.7', 443, '198.51.100.7', '203.0.113.1'), 'router'],
  [
    'of the router to a device',
    tcp('192.168.77.1', '192.168.77.11', 80, '192.168.77.11', '192.168.77.1'),
    'router',
  ],
  ['past the LAN', tcp('192.0.2.1', '198.51.100.7', 443, '198.51.100.7', '192.0.2.1'), 'router'],
  [
    'a device whose MAC is not known yet',
    tcp('192.168.77.99', '198.51.100.7', 443, '198.51.100.7', '203.0.113.1'),
    'unknown',
  ],
  [
    'a port forward to such a one',
    tcp('198.51.100.9', '203.0.113.1', 8080, '192.168.77.99', '198.51.100.9', 80),
    'unknown',
  ],
  ['multicast', tcp('192.168.77.11', '239.255.255.250', 1900, '239.255.255.250', '192.168.77.11'), 'special'],
  ['no room', tcp('192.168.77.11', '192.0.2.255', 443, '192.0.2.255', '203.0.113.1'), 'full'],
])('%s', (_, read, expected) => {
  expect(endsOf(read, places)).toEqual(expected);
});

test('ICMP: the type that was asked with', () => {
  const ping = entry(
    'icmp 1 9 src=192.168.77.11 dst=198.51.100.7 type=8 code=0 id=7 src=198.51.100.7 dst=203.0.113.1 type=0 code=0 id=7',
  );
  expect(endsOf(ping, places)).toMatchObject({ device: 'tv', port: 8 });
});

test.each([
  ['icmpv6 58 9', 'type=128 code=0 id=7', 'type=129 code=0 id=7', 128],
  ['gre 47 9', 'srckey=0x0 dstkey=0x0', 'srckey=0x0 dstkey=0x0', 0],
  ['sctp 132 9 ESTABLISHED', 'sport=4000 dport=3868', 'sport=3868 dport=4000', 3868],
])('%s is told by type, port or nothing', (head, there, back, port) => {
  const read = entry(`${head} src=fd77::11 dst=2001:db8::7 ${there} src=2001:db8::7 dst=fd77::11 ${back}`);
  expect(endsOf(read, places)).toMatchObject({ device: 'tv', other: 'remote 2001:db8::7', port });
});
