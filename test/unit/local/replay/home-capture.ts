import dnsPacket from 'dns-packet';
import {
  answer,
  arp,
  dhcp,
  enhancedPacket,
  ethernet,
  interfaceBlock,
  ipv4,
  pcap,
  ROUTER,
  section,
  TV,
  tcp,
  udp,
} from '../observe/packets.ts';

export const CAMERA = '02:00:00:00:01:02';
const [IPV4, ARP] = [0x0800, 0x0806];
const [TCP, UDP] = [6, 17];
export const [HOME, TV_AT, CAMERA_AT, ADS, NTP] = [
  '192.168.77.1',
  '192.168.77.11',
  '192.168.77.12',
  '198.51.100.7',
  '203.0.113.123',
];

const packet = (from: string, to: string, src: string, dst: string, protocol: number, payload: number[]) =>
  ethernet(IPV4, ipv4(protocol, src, dst, payload), from, to);
const upTcp = (flags: number, bytes: number) => flagged(tcp(40_000, 443, new Uint8Array(bytes)), flags);
const downTcp = (flags: number, bytes: number) => flagged(tcp(443, 40_000, new Uint8Array(bytes)), flags);

function flagged(segment: number[], flags: number): number[] {
  return segment.with(13, flags);
}

function question(domain: string): Uint8Array {
  return dnsPacket.encode({ type: 'query', id: 7, questions: [{ type: 'A', name: domain }] });
}

/** Host name `living-room-tv`; a request. */
const NAME = [53, 1, 3, 12, 14, ...Buffer.from('living-room-tv')];
const ALL = 'ff:ff:ff:ff:ff:ff';
const asked = (domain: string) => packet(TV, ROUTER, TV_AT, HOME, UDP, udp(50_000, 53, question(domain)));
const told = (message: Uint8Array) => packet(ROUTER, TV, HOME, TV_AT, UDP, udp(53, 50_000, message));

/**
 * A small home, a frame a second: a TV gets its address, asks for names, speaks with one of them before and after it asked, and
 * with another that it had no name for; a camera speaks with the TV. A block of ads.example stops only what came after.
 */
export const frames: readonly Uint8Array[] = [
  packet(TV, ALL, '0.0.0.0', '255.255.255.255', UDP, udp(68, 67, dhcp(1, TV, '0.0.0.0', NAME))),
  packet(ROUTER, TV, HOME, TV_AT, UDP, udp(67, 68, dhcp(2, TV, TV_AT, [53, 1, 5]))),
  ethernet(ARP, arp(TV, TV_AT)),
  ethernet(ARP, arp(ROUTER, HOME), ROUTER, TV),
  // Before its name is known.
  packet(TV, ROUTER, TV_AT, ADS, TCP, upTcp(0x02, 0)),
  asked('ads.example'),
  told(answer('ads.example', [{ type: 'A', name: 'ads.example', data: ADS, ttl: 60 }])),
  packet(ROUTER, TV, ADS, TV_AT, TCP, downTcp(0x12, 0)),
  packet(TV, ROUTER, TV_AT, ADS, TCP, upTcp(0x18, 100)),
  packet(ROUTER, TV, ADS, TV_AT, TCP, downTcp(0x18, 1_000)),
  asked('never.example'),
  told(answer('never.example', [{ type: 'A', name: 'never.example', data: '198.51.100.99', ttl: 60 }])),
  packet(TV, ROUTER, TV_AT, NTP, UDP, udp(123, 123, new Uint8Array(48))),
  packet(ROUTER, TV, NTP, TV_AT, UDP, udp(123, 123, new Uint8Array(48))),
  packet(CAMERA, TV, CAMERA_AT, TV_AT, TCP, flagged(tcp(41_000, 8_009, new Uint8Array(10)), 0x02)),
  packet(TV, CAMERA, TV_AT, CAMERA_AT, TCP, flagged(tcp(8_009, 41_000, new Uint8Array(20)), 0x12)),
  // To everybody.
  packet(TV, '01:00:5e:00:00:fb', TV_AT, '224.0.0.251', UDP, udp(5353, 5353, [])),
  packet(CAMERA, ALL, CAMERA_AT, '192.168.77.255', UDP, udp(9_999, 9_999, [])),
  // No IP, and nonsense.
  ethernet(0x88cc, new Uint8Array(40)),
  ethernet(IPV4, [0x45, 0, 0]),
];

/** Headers of IPv4 and TCP, of IPv4 and UDP. */
const [T, U] = [40, 28];

/** What is true of it. */
export const truth = {
  ads: { up: { packets: 2, bytes: 2 * T + 100 }, down: { packets: 2, bytes: 2 * T + 1_000 } },
  ntp: { up: { packets: 1, bytes: U + 48 }, down: { packets: 1, bytes: U + 48 } },
  camera: { up: { packets: 1, bytes: T + 10 }, down: { packets: 1, bytes: T + 20 } },
  /** What a block of ads.example would have stopped: all but the first packet. */
  blocked: { packets: 3, bytes: 3 * T + 1_100 },
  counted: 8,
  left: { router: 5, local: 3, unknown: 0, notIp: 3, damaged: 1, link: 0, noMac: 0, full: 0 },
};

export const asPcap = (): Buffer => pcap(frames);

/** The same with the same times, in microseconds. */
export function asPcapng(): Buffer {
  const packets = frames.map((frame, n) => {
    const us = (1_000.5 + n) * 1e6;
    return enhancedPacket(0, [Math.floor(us / 2 ** 32), us % 2 ** 32], frame);
  });
  return Buffer.concat([section(), interfaceBlock(1), ...packets]);
}
