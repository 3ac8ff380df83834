import { expect, test } from 'vitest';
import { parseFrame } from '../../../../src/local/observe/frame.ts';
import { arp, ethernet, ipv4, ipv6, TV, tcp, udp } from './packets.ts';

const SRC6 = 'fd770000000000000000000000000011';
const DST6 = '20010db8000100000000000000000002';
const QUESTION = ipv4(17, '192.168.77.11', '192.168.77.1', udp(4000, 53, [1, 2, 3]));

test('UDP and TCP over IPv4', () => {
  expect(parseFrame(ethernet(0x0800, QUESTION), 1)).toEqual({
    kind: 'udp',
    source: TV,
    vlan: undefined,
    src: '192.168.77.11',
    dst: '192.168.77.1',
    sport: 4000,
    dport: 53,
    payload: Uint8Array.from([1, 2, 3]),
  });
  const segment = ethernet(0x0800, ipv4(6, '192.168.77.11', '192.168.77.1', tcp(4000, 53, [9])));
  expect(parseFrame(segment, 1)).toMatchObject({ kind: 'tcp', dport: 53, payload: Uint8Array.from([9]) });
});

test('padding behind the packet is not payload', () => {
  const frame = parseFrame(ethernet(0x0800, [...QUESTION, 0, 0, 0, 0]), 1);
  expect(frame).toMatchObject({ payload: Uint8Array.from([1, 2, 3]) });
});

test.each([
  ['802.1Q', [0, 20, 8, 0], 0x8100, 20],
  ['QinQ: the outer tag', [0, 100, 0x81, 0, 0, 20, 8, 0], 0x88a8, 100],
  ['a priority tag is none', [0x60, 0, 8, 0], 0x8100, undefined],
  ['PPPoE', [0x11, 0, 0, 1, 0, 93, 0, 0x21], 0x8864, undefined],
])('%s', (_, head, type, vlan) => {
  const frame = parseFrame(ethernet(type, [...head, ...QUESTION]), 1);
  expect(frame).toMatchObject({ kind: 'udp', src: '192.168.77.11', vlan });
});

const MAC = [0x02, 0, 0, 0, 1, 1];
const V6 = ipv6(17, SRC6, DST6, udp(4000, 53, [1, 2, 3]));

test.each([
  ['cooked', 113, [0, 0, 0, 1, 0, 6, ...MAC, 0, 0, 8, 0], TV, undefined],
  ['cooked, tagged', 113, [0, 0, 0, 1, 0, 6, ...MAC, 0, 0, 0x81, 0, 0, 20, 8, 0], TV, 20],
  ['cooked, of a link without MACs', 113, [0, 0, 2, 0, 0, 0, ...MAC, 0, 0, 8, 0], undefined, undefined],
  ['cooked, second form', 276, [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, ...MAC, 0, 0], TV, undefined],
  ['raw', 101, [], undefined, undefined],
  ['raw by its other numbers', 12, [], undefined, undefined],
  ['raw IPv4', 228, [], undefined, undefined],
  ['loopback, little-endian', 0, [2, 0, 0, 0], undefined, undefined],
  ['loopback, big-endian', 108, [0, 0, 0, 2], undefined, undefined],
  ['PPP', 9, [0, 0x21], undefined, undefined],
  ['PPP, short', 9, [0xff, 3, 0x21], undefined, undefined],
  ['PPPoE alone', 51, [0x11, 0, 0, 1, 0, 93, 0, 0x21], undefined, undefined],
  [
    'netfilter log, little-endian',
    239,
    [
      ...[2, 0, 0, 5],
      ...[16, 0, 8, 0, 0, 6, 0, 0, ...MAC, 0, 0],
      ...[5, 0, 10, 0, 0, 0, 0, 0],
      ...[35, 0, 9, 0],
    ],
    TV,
    undefined,
  ],
  ['netfilter log, big-endian', 239, [...[2, 0, 0, 5], ...[0, 35, 0, 9]], undefined, undefined],
])('link layer: %s', (_, linkType, head, source, vlan) => {
  expect(parseFrame(Uint8Array.from([...head, ...QUESTION]), linkType)).toMatchObject({
    kind: 'udp',
    src: '192.168.77.11',
    payload: Uint8Array.from([1, 2, 3]),
    source,
    vlan,
  });
});

test.each([
  ['raw', 101, []],
  ['raw IPv6', 229, []],
  ['PPP', 9, [0, 0x57]],
  ['loopback of another system', 0, [30, 0, 0, 0]],
  ['netfilter log', 239, [...[10, 0, 0, 5], ...[55, 0, 9, 0]]],
])('link layer, IPv6: %s', (_, linkType, head) => {
  expect(parseFrame(Uint8Array.from([...head, ...V6]), linkType)).toMatchObject({ src: 'fd77::11' });
});

test('every link layer ends where its bytes end', () => {
  for (const linkType of [0, 1, 9, 12, 14, 51, 101, 108, 113, 228, 229, 239, 276]) {
    for (let length = 0; length < 24; length++) {
      expect(['short', 'protocol'], `${linkType} ${length}`).toContain(
        parseFrame(new Uint8Array(length).fill(0), linkType),
      );
    }
  }
});

test('TCP: where the segment stands in its stream, and what is missing of it', () => {
  const packet = ipv4(6, '192.168.77.1', '192.168.77.11', tcp(53, 4000, [1, 2, 3], { seq: 0xfffffffe }));
  expect(parseFrame(ethernet(0x0800, packet).subarray(0, -2), 1)).toMatchObject({
    seq: 0xfffffffe,
    begins: false,
    ends: false,
    missing: 2,
    payload: Uint8Array.from([1]),
  });
  const syn = ipv4(6, '192.168.77.1', '192.168.77.11', tcp(53, 4000, [], { flags: 0x12 }));
  expect(parseFrame(ethernet(0x0800, syn), 1)).toMatchObject({ begins: true, ends: false, missing: 0 });
});

test('IPv6, with extension headers', () => {
  const payload = udp(4000, 53, [1]);
  expect(parseFrame(ethernet(0x86dd, ipv6(17, SRC6, DST6, payload)), 1)).toMatchObject({
    kind: 'udp',
    src: 'fd77::11',
    dst: '2001:db8:1::2',
  });
  const extended = ipv6(0, SRC6, DST6, [60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, ...payload]);
  expect(parseFrame(ethernet(0x86dd, extended), 1)).toMatchObject({ kind: 'udp', dport: 53 });
});

test('ARP: the sender, as it says itself', () => {
  const frame = parseFrame(ethernet(0x0806, arp('02:00:00:00:01:02', '192.168.77.12')), 1);
  expect(frame).toMatchObject({ kind: 'arp', sender: '02:00:00:00:01:02', senderAddress: '192.168.77.12' });
});

test('neighbour discovery: who asks, who is told; a probe is nobody’s', () => {
  const target = [...Buffer.from(DST6, 'hex')];
  const nd = (type: number) => [type, 0, 0, 0, 0, 0, 0, 0, ...target];
  expect(parseFrame(ethernet(0x86dd, ipv6(58, SRC6, DST6, nd(135))), 1)).toMatchObject({
    address: 'fd77::11',
  });
  expect(parseFrame(ethernet(0x86dd, ipv6(58, SRC6, DST6, nd(136))), 1)).toMatchObject({
    address: '2001:db8:1::2',
  });
  expect(parseFrame(ethernet(0x86dd, ipv6(58, '0'.repeat(32), DST6, nd(135))), 1)).toBe('protocol');
  expect(parseFrame(ethernet(0x86dd, ipv6(58, SRC6, DST6, nd(128))), 1)).toBe('protocol');
});

test.each([
  ['another link type', ethernet(0x0800, QUESTION), 105, 'link'],
  ['a short frame', Uint8Array.from([1, 2, 3]), 1, 'short'],
  ['tags without end', ethernet(0x8100, new Array(100).fill([0, 1, 0x81, 0]).flat()), 1, 'protocol'],
  ['a short header', ethernet(0x0800, QUESTION.slice(0, 10)), 1, 'short'],
  ['a later fragment', ethernet(0x0800, QUESTION.with(7, 1)), 1, 'fragment'],
  ['another ethertype', ethernet(0x88cc, QUESTION), 1, 'protocol'],
  ['another protocol', ethernet(0x0800, QUESTION.with(9, 47)), 1, 'protocol'],
  ['ARP that is not of IPv4', ethernet(0x0806, arp(TV, '192.168.77.12').with(3, 9)), 1, 'protocol'],
  [
    'extension headers without end',
    ethernet(0x86dd, ipv6(60, SRC6, DST6, new Array(20).fill([60, 0, 0, 0, 0, 0, 0, 0]).flat())),
    1,
    'extensions',
  ],
])('%s', (_, bytes, linkType, why) => {
  expect(parseFrame(bytes, linkType)).toBe(why);
});
