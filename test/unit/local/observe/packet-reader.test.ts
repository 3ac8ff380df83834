import { expect, test } from 'vitest';
import { CaptureReader } from '../../../../src/local/observe/capture-reader.ts';
import { parsePacket } from '../../../../src/local/observe/packet-reader.ts';
import { fixtureBytes } from './fixture.ts';
import { arp, ethernet, ipv4, ipv6, ROUTER, TV, tcp, udp } from './packets.ts';

const [A, B] = ['192.168.77.11', '198.51.100.7'];
const A6 = 'fd770000000000000000000000000011';
const B6 = '20010db8000100000000000000000002';
const read = (bytes: Uint8Array, linkType = 1, length = bytes.length) => parsePacket(bytes, linkType, length);

test('between whom, on which segment, how much', () => {
  expect(read(ethernet(0x8100, [0, 20, 8, 0, ...ipv4(17, A, B, udp(4000, 53, [1, 2]))]))).toEqual({
    packet: { src: A, dst: B, protocol: 17, sport: 4000, dport: 53, packets: 1, bytes: 30 },
    source: TV,
    target: ROUTER,
    vlan: 20,
  });
});

test.each([
  ['TCP', 6, tcp(4000, 443, []), { sport: 4000, dport: 443, bytes: 40 }],
  ['SCTP', 132, [1, 0, 2, 0], { sport: 256, dport: 512 }],
  ['ICMP: the type', 1, [8, 0, 1, 2, 3, 4, 0, 0], { sport: 0, dport: 8 }],
  ['GRE: none', 47, [1, 2, 3, 4], { sport: 0, dport: 0 }],
  ['ports that are not there', 17, [1, 2], { sport: 0, dport: 0 }],
])('%s', (_, protocol, payload, expected) => {
  expect(read(ethernet(0x0800, ipv4(protocol, A, B, payload)))).toMatchObject({
    packet: { protocol, ...expected },
  });
});

test('IPv6 and its extension headers: all of it is counted, and the protocol is what they lead to', () => {
  const payload = [58, 0, 1, 4, 0, 0, 0, 0, 128, 0, 0, 0];
  expect(read(ethernet(0x86dd, ipv6(60, A6, B6, payload)))).toMatchObject({
    packet: { src: 'fd77::11', protocol: 58, sport: 0, dport: 128, bytes: 52 },
  });
});

test('fragments: the first has the ports', () => {
  const packet = ipv4(17, A, B, udp(4000, 53, new Array(16).fill(7)));
  expect(read(ethernet(0x0800, packet.with(6, 0x20)))).toMatchObject({ packet: { dport: 53, bytes: 44 } });
  expect(read(ethernet(0x0800, packet.with(7, 1)))).toMatchObject({ packet: { dport: 0, bytes: 44 } });
  const later = (offset: number) => ipv6(44, A6, B6, [17, 0, 0, offset, 0, 0, 0, 1, ...udp(4000, 53, [])]);
  expect(read(ethernet(0x86dd, later(1)))).toMatchObject({ packet: { protocol: 17, dport: 53, bytes: 56 } });
  expect(read(ethernet(0x86dd, later(8)))).toMatchObject({ packet: { protocol: 17, dport: 0, bytes: 56 } });
});

test('bytes: the header’s, without padding; the wire’s where the header leaves it open or claims more', () => {
  const packet = ipv4(17, A, B, udp(4000, 53, [1]));
  const bytesOf = (bytes: Uint8Array, length = bytes.length) => {
    const read = parsePacket(bytes, 1, length);
    return typeof read === 'string' ? read : read.packet.bytes;
  };
  expect(bytesOf(ethernet(0x0800, [...packet, 0, 0, 0]))).toBe(29);
  expect(bytesOf(ethernet(0x0800, packet.with(2, 5).with(3, 0xdc)), 14 + 1_500)).toBe(1_500);
  expect(bytesOf(ethernet(0x0800, packet.with(2, 0).with(3, 0)), 14 + 40_000)).toBe(40_000);
  expect(bytesOf(ethernet(0x0800, packet.with(2, 0xff)))).toBe(29);
  expect(
    bytesOf(
      ethernet(
        0x86dd,
        ipv6(17, A6, B6, udp(1, 2, []))
          .with(4, 0)
          .with(5, 0),
      ),
      70_000,
    ),
  ).toBe(69_986);
});

test.each([
  ['ARP', ethernet(0x0806, arp(TV, A)), 1, 'protocol'],
  ['another link type', ethernet(0x0800, []), 105, 'link'],
  ['half a header', ethernet(0x0800, ipv4(17, A, B, []).slice(0, 12)), 1, 'short'],
  ['a header longer than the packet', ethernet(0x0800, ipv4(17, A, B, []).with(3, 10)), 1, 'short'],
  ['nothing', new Uint8Array(0), 101, 'short'],
])('%s is none', (_, bytes, linkType, why) => {
  expect(read(bytes, linkType)).toBe(why);
});

test('tags, PPPoE and cooked forms change nothing in what is counted', () => {
  const packets = (path: string) => {
    const got: unknown[] = [];
    const reader = new CaptureReader(({ bytes, linkType, length }) => {
      const read = parsePacket(bytes, linkType, length);
      got.push(typeof read === 'string' ? read : read.packet);
    });
    reader.push(fixtureBytes(path));
    return got;
  };
  const plain = packets('capture/dns-brlan.pcap');
  expect(packets('capture/dns-vlan-qinq-pppoe.pcapng')).toEqual(plain.flatMap((one) => [one, one, one, one]));
  expect(packets('capture/dns-sll2.pcap')).toEqual(packets('capture/dns-sll.pcap'));
  expect(packets('capture/dns-nflog.pcap')).toEqual(packets('capture/dns-sll.pcap'));
});
