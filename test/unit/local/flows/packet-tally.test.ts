import { expect, test } from 'vitest';
import type { Places } from '../../../../src/local/flows/ends.ts';
import type { Sighting } from '../../../../src/local/flows/flow.ts';
import { openingOf } from '../../../../src/local/flows/initiator.ts';
import { PacketTally, type PacketTallyOptions } from '../../../../src/local/flows/packet-tally.ts';
import type { Packet } from '../../../../src/local/observe/packet.ts';

const [ICMP, TCP, UDP, ICMPV6] = [1, 6, 17, 58];
const TV = '192.168.77.11';
const CAMERA = '192.168.77.12';
const WEB = '198.51.100.7';

function tally(options?: PacketTallyOptions) {
  const devices = new Map([
    [TV, 'tv'],
    [CAMERA, 'camera'],
    ['fd77::11', 'tv'],
  ]);
  const places: Places = {
    isOwn: (address) => address === '192.168.77.1',
    isLan: (address) => address.startsWith('192.168.77.'),
    deviceAt: (address) => devices.get(address),
    remoteAt: (address) => (address === '192.0.2.255' ? undefined : `remote ${address}`),
  };
  const news: (Sighting & { near: string; far: string })[] = [];
  return {
    devices,
    news,
    tally: new PacketTally(places, (one, near, far) => news.push({ ...one, near, far }), options),
  };
}

const packet = (
  src: string,
  dst: string,
  sport: number,
  dport: number,
  more: Partial<Packet> = {},
): Packet => ({
  src,
  dst,
  protocol: TCP,
  sport,
  dport,
  packets: 1,
  bytes: 100,
  ...more,
});

const NONE = { packets: 0, bytes: 0 };

test('a connection is counted once, up and down apart', () => {
  const { tally: seen, news } = tally();
  seen.sees(packet(TV, WEB, 40_000, 443));
  seen.sees(packet(WEB, TV, 443, 40_000, { packets: 3, bytes: 4_000 }));
  seen.sees(packet(TV, WEB, 40_000, 443));
  seen.finish();
  const flow = { device: 'tv', other: `remote ${WEB}`, otherIsDevice: false, protocol: TCP, port: 443 };
  expect(news).toMatchObject([
    { ...flow, up: { packets: 1, bytes: 100 }, down: NONE, entries: 1, near: TV, far: WEB },
    { ...flow, up: NONE, down: { packets: 3, bytes: 4_000 }, entries: 0 },
    { ...flow, up: { packets: 1, bytes: 100 }, down: NONE, entries: 0 },
    { ...flow, up: NONE, down: NONE, entries: -1 },
  ]);
  expect(seen.counters).toMatchObject({ packets: 5, counted: 5 });
  expect(seen.size).toBe(0);
});

test.each([
  ['the first packet’s destination', packet(TV, WEB, 40_000, 50_443), undefined, 'tv', 50_443],
  ['a first packet from a well-known port is an answer', packet(WEB, TV, 53, 40_000), undefined, 'tv', 53],
  ['SSDP answers from its port', packet(CAMERA, TV, 1900, 40_000), undefined, 'tv', 1900],
  ['a SYN tells, whatever the ports', packet(TV, WEB, 443, 40_000), 0x02, 'tv', 40_000],
  ['SYN and ACK: the answer', packet(WEB, TV, 50_443, 2_000), 0x12, 'tv', 50_443],
  ['in the middle: the lower port', packet(WEB, TV, 9_292, 50_756), 0x10, 'tv', 9_292],
  ['in the middle, upwards', packet(TV, WEB, 50_756, 9_292), 0x18, 'tv', 9_292],
  ['from outside, a port forward', packet(WEB, TV, 50_756, 8_080), 0x02, 'tv', 8_080],
])('service port: %s', (_, first, flags, device, port) => {
  const { tally: seen, news } = tally();
  seen.sees(first, openingOf(flags));
  expect(news).toMatchObject([{ device, port, entries: 1 }]);
});

test('both ends may be devices: one flow, of the one that began it', () => {
  const { tally: seen, news } = tally();
  seen.sees(packet(CAMERA, TV, 40_000, 80));
  seen.sees(packet(TV, CAMERA, 80, 40_000, { bytes: 1_000 }));
  expect(news).toMatchObject([
    { device: 'camera', other: 'tv', otherIsDevice: true, up: { bytes: 100 }, near: CAMERA, far: TV },
    { device: 'camera', other: 'tv', up: NONE, down: { bytes: 1_000 } },
  ]);
});

test('a ping and its answers are one flow of the query’s type', () => {
  const { tally: seen, news } = tally();
  seen.sees(packet(TV, WEB, 0, 8, { protocol: ICMP }));
  seen.sees(packet(WEB, TV, 0, 0, { protocol: ICMP }));
  seen.sees(packet('2001:db8::7', 'fd77::11', 0, 129, { protocol: ICMPV6 }));
  expect(news).toMatchObject([
    { protocol: ICMP, port: 8, entries: 1, up: { packets: 1 } },
    { protocol: ICMP, port: 8, entries: 0, down: { packets: 1 } },
    { protocol: ICMPV6, port: 128, entries: 1, device: 'tv', down: { packets: 1 }, up: NONE },
  ]);
});

test('what is no device’s traffic is counted by reason', () => {
  const { tally: seen, news } = tally();
  seen.sees(packet(TV, '224.0.0.251', 5353, 5353, { protocol: UDP }));
  seen.sees(packet('2001:db8::7', 'fd77::11', 0, 135, { protocol: ICMPV6 }));
  seen.sees(packet(TV, '192.168.77.1', 40_000, 53, { protocol: UDP, packets: 2 }));
  seen.sees(packet('203.0.113.9', WEB, 1_000, 80));
  seen.sees(packet(TV, '192.0.2.255', 1_000, 80));
  expect(news).toEqual([]);
  expect(seen.counters).toMatchObject({ packets: 6, counted: 0, special: 2, router: 3, full: 1 });
});

test('packets wait, as sums, until their device is known; in vain when it never is', () => {
  const { tally: seen, news, devices } = tally();
  const phone = '192.168.77.13';
  seen.sees(packet(phone, WEB, 40_000, 443));
  seen.sees(packet(WEB, phone, 443, 40_000, { bytes: 1_400 }));
  seen.sees(packet('192.168.77.14', WEB, 40_000, 443));
  expect(news).toEqual([]);
  devices.set(phone, 'phone');
  seen.sweep();
  seen.sees(packet(phone, WEB, 40_000, 443));
  expect(news).toMatchObject([
    { device: 'phone', entries: 1, up: { packets: 1, bytes: 100 }, down: { packets: 1, bytes: 1_400 } },
    { device: 'phone', entries: 0, up: { packets: 1, bytes: 100 }, down: NONE },
  ]);
  seen.finish();
  expect(seen.counters).toMatchObject({ counted: 3, unknown: 1 });
});

test('a connection without packets ends, and begins anew as another', () => {
  const { tally: seen, news } = tally({ idleSweeps: 2 });
  const count = (entries: number) => news.filter((one) => one.entries === entries).length;
  seen.sees(packet(TV, WEB, 40_000, 443));
  seen.sweep();
  seen.sees(packet(TV, WEB, 40_000, 443));
  seen.sweep();
  seen.sweep();
  expect([count(1), count(-1)]).toEqual([1, 0]);
  seen.sweep();
  expect([count(1), count(-1), seen.size]).toEqual([1, 1, 0]);
  seen.sees(packet(WEB, TV, 443, 40_000));
  expect(count(1)).toBe(2);
});

test('a connection keeps the nodes it was first attributed to', () => {
  const { tally: seen, news, devices } = tally();
  seen.sees(packet(TV, WEB, 40_000, 443));
  devices.set(TV, 'another');
  seen.sees(packet(TV, WEB, 40_000, 443));
  expect(news.map(({ device }) => device)).toEqual(['tv', 'tv']);
});

test('when full, quiet connections give way, and no byte is lost', () => {
  const { tally: seen, news } = tally({ maxConnections: 32 });
  for (let n = 0; n < 32; n++) seen.sees(packet(TV, WEB, 40_000 + n, 443));
  seen.sweep();
  for (let n = 8; n < 32; n++) seen.sees(packet(TV, WEB, 40_000 + n, 443));
  seen.sees(packet(TV, WEB, 50_000, 443));
  expect(seen.size).toBe(31);
  expect(seen.counters.dropped).toBe(2);
  expect(news.filter(({ entries }) => entries === -1)).toHaveLength(2);
  for (let n = 0; n < 1_000; n++) seen.sees(packet(TV, WEB, n + 1, 8_443));
  expect(seen.size).toBeLessThanOrEqual(32);
  seen.finish();
  expect(news.reduce((sum, { up }) => sum + (up?.bytes ?? 0), 0)).toBe(100 * (32 + 24 + 1 + 1_000));
  expect(news.reduce((sum, { entries }) => sum + entries, 0)).toBe(0);
});

test('ports that fall together are not taken for one connection', () => {
  const { tally: seen, news } = tally();
  // The same place in the list of recent ones: 40000 ^ 443 = 443 ^ 40000, and 1,024 further on.
  seen.sees(packet(TV, WEB, 40_000, 443));
  seen.sees(packet(TV, WEB, 443, 40_000), 'opens');
  seen.sees(packet(CAMERA, WEB, 40_000, 443));
  seen.sees(packet(TV, WEB, 40_000, 443, { protocol: UDP }));
  expect(news.map(({ entries }) => entries)).toEqual([1, 1, 1, 1]);
  expect(seen.size).toBe(4);
});
