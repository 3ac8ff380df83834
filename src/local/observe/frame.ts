import type { Address, Mac } from '../../policy/block-set.ts';
import { ipv4At, ipv6At, macAt, u16, u32 } from './bytes.ts';
import { type IpIgnored, type IpPacket, parseIp } from './ip.ts';
import { ARP, type LinkIgnored, parseLink } from './link.ts';

/** A frame, taken apart as far as anything here reads it. */
export type Frame = ArpFrame | UdpFrame | TcpFrame | NeighbourDiscoveryFrame;

interface FrameBase {
  /** Who sent the frame on this segment; undefined for a group address and where the capture does not tell. */
  readonly source: Mac | undefined;
  /** The outermost VLAN tag; undefined for untagged frames and priority tags. */
  readonly vlan: number | undefined;
}

/** RFC 826. */
export interface ArpFrame extends FrameBase {
  readonly kind: 'arp';
  readonly sender: Mac | undefined;
  readonly senderAddress: Address;
}

interface PortFrame extends FrameBase {
  readonly src: Address;
  readonly dst: Address;
  readonly sport: number;
  readonly dport: number;
  /** What was captured of the payload. */
  readonly payload: Uint8Array;
}

/** RFC 768. */
export interface UdpFrame extends PortFrame {
  readonly kind: 'udp';
}

/** RFC 9293. */
export interface TcpFrame extends PortFrame {
  readonly kind: 'tcp';
  /** Sequence number of the first byte of the payload (of the SYN, if there is one). */
  readonly seq: number;
  /** This segment begins a connection, or ends one (FIN, RST). */
  readonly begins: boolean;
  readonly ends: boolean;
  /** How many bytes of the payload are missing in the capture. */
  readonly missing: number;
}

/** A neighbour solicitation or advertisement (RFC 4861). */
export interface NeighbourDiscoveryFrame extends FrameBase {
  readonly kind: 'nd';
  /** Of a solicitation the address that asks, of an advertisement the address that is told. */
  readonly address: Address;
}

/** Why a frame was not read. */
export type FrameIgnored = LinkIgnored | IpIgnored | 'fragment';

const [TCP, UDP, ICMPV6] = [6, 17, 58];

/** Takes a frame apart: link layer, ARP, IPv4, IPv6; UDP, TCP, neighbour discovery. */
export function parseFrame(bytes: Uint8Array, linkType: number): Frame | FrameIgnored {
  const link = parseLink(bytes, linkType);
  if (typeof link === 'string') return link;
  const base = { source: link.source, vlan: link.vlan };
  const inside = bytes.subarray(link.at);
  if (link.type === ARP) return parseArp(inside, base);
  const ip = parseIp(inside, link.type);
  if (typeof ip === 'string') return ip;
  if (ip.later) return 'fragment';
  if (ip.protocol === UDP) return parseUdp(ip, base);
  if (ip.protocol === TCP) return parseTcp(ip, base);
  return ip.protocol === ICMPV6 ? parseDiscovery(ip, base) : 'protocol';
}

function parseArp(bytes: Uint8Array, base: FrameBase): Frame | FrameIgnored {
  if (bytes.length < 28) return 'short';
  const ethernetAndIpv4 = u16(bytes, 0) === 1 && u16(bytes, 2) === 0x0800 && u16(bytes, 4) === 0x0604;
  if (!ethernetAndIpv4) return 'protocol';
  return { kind: 'arp', ...base, sender: macAt(bytes, 8), senderAddress: ipv4At(bytes, 14) };
}

function parseUdp({ src, dst, payload }: IpPacket, { source, vlan }: FrameBase): Frame | FrameIgnored {
  if (payload.length < 8) return 'short';
  const length = u16(payload, 4);
  const end = length < 8 ? payload.length : Math.min(payload.length, length);
  return {
    kind: 'udp',
    source,
    vlan,
    src,
    dst,
    sport: u16(payload, 0),
    dport: u16(payload, 2),
    payload: payload.subarray(8, end),
  };
}

function parseTcp(
  { src, dst, payload, missing }: IpPacket,
  { source, vlan }: FrameBase,
): Frame | FrameIgnored {
  const header = ((payload[12] ?? 0) >> 4) * 4;
  if (payload.length < 20 || header < 20 || header > payload.length) return 'short';
  const flags = payload[13] ?? 0;
  return {
    kind: 'tcp',
    source,
    vlan,
    src,
    dst,
    sport: u16(payload, 0),
    dport: u16(payload, 2),
    seq: u32(payload, 4),
    begins: (flags & 0x02) !== 0,
    ends: (flags & 0x05) !== 0,
    payload: payload.subarray(header),
    missing,
  };
}

function parseDiscovery({ src, payload }: IpPacket, base: FrameBase): Frame | FrameIgnored {
  const type = payload[0];
  if (type !== 135 && type !== 136) return 'protocol';
  if (payload.length < 24) return 'short';
  // A solicitation without a sender only asks whether the address is free: it is nobody's yet.
  if (type === 135) return src === '::' ? 'protocol' : { kind: 'nd', ...base, address: src };
  return { kind: 'nd', ...base, address: ipv6At(payload, 8) };
}
