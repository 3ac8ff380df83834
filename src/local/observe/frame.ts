import type { Address, Mac } from '../../policy/block-set.ts';
import { ipv4At, ipv6At, macAt, u16 } from './bytes.ts';

/** A frame, taken apart as far as anything here reads it. */
export type Frame = ArpFrame | DatagramFrame | NeighbourDiscoveryFrame;

interface FrameBase {
  /** Who sent the frame on this segment; undefined for a group address, which nobody has. */
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

export interface DatagramFrame extends FrameBase {
  readonly kind: 'udp' | 'tcp';
  readonly src: Address;
  readonly dst: Address;
  readonly sport: number;
  readonly dport: number;
  /** What was captured of the payload. */
  readonly payload: Uint8Array;
}

/** A neighbour solicitation or advertisement (RFC 4861). */
export interface NeighbourDiscoveryFrame extends FrameBase {
  readonly kind: 'nd';
  /** Of a solicitation the address that asks, of an advertisement the address that is told. */
  readonly address: Address;
}

/** Why a frame was not read. */
export type FrameIgnored = 'short' | 'link' | 'protocol' | 'fragment' | 'extensions';

const ETHERNET = 1;
const MAX_TAGS = 4;
const MAX_EXTENSIONS = 8;

/** Takes a frame apart: Ethernet, VLAN tags (802.1Q, QinQ), PPPoE; ARP, IPv4, IPv6; UDP, TCP, neighbour discovery. */
export function parseFrame(bytes: Uint8Array, linkType: number): Frame | FrameIgnored {
  if (linkType !== ETHERNET) return 'link';
  if (bytes.length < 14) return 'short';
  const source = macAt(bytes, 6);
  let type = u16(bytes, 12);
  let at = 14;
  let vlan: number | undefined;
  for (let tags = 0; type === 0x8100 || type === 0x88a8 || type === 0x9100; tags++) {
    if (tags === MAX_TAGS) return 'protocol';
    if (at + 4 > bytes.length) return 'short';
    vlan ??= u16(bytes, at) & 0x0fff || undefined;
    type = u16(bytes, at + 2);
    at += 4;
  }
  if (type === 0x8864) {
    // A PPPoE session (RFC 2516): six bytes, then the PPP protocol.
    if (at + 8 > bytes.length) return 'short';
    const ppp = u16(bytes, at + 6);
    type = ppp === 0x0021 ? 0x0800 : ppp === 0x0057 ? 0x86dd : 0;
    at += 8;
  }
  const base = { source, vlan };
  if (type === 0x0806) return parseArp(bytes.subarray(at), base);
  if (type === 0x0800) return parseIpv4(bytes.subarray(at), base);
  if (type === 0x86dd) return parseIpv6(bytes.subarray(at), base);
  return 'protocol';
}

function parseArp(bytes: Uint8Array, base: FrameBase): Frame | FrameIgnored {
  if (bytes.length < 28) return 'short';
  const ethernetAndIpv4 = u16(bytes, 0) === 1 && u16(bytes, 2) === 0x0800 && u16(bytes, 4) === 0x0604;
  if (!ethernetAndIpv4) return 'protocol';
  return { kind: 'arp', ...base, sender: macAt(bytes, 8), senderAddress: ipv4At(bytes, 14) };
}

/** RFC 791. */
function parseIpv4(bytes: Uint8Array, base: FrameBase): Frame | FrameIgnored {
  const header = ((bytes[0] ?? 0) & 0x0f) * 4;
  if (bytes.length < 20 || (bytes[0] ?? 0) >> 4 !== 4 || header < 20 || header > bytes.length) return 'short';
  // Only the first fragment has the ports.
  if ((u16(bytes, 6) & 0x1fff) !== 0) return 'fragment';
  const total = u16(bytes, 2);
  // Length 0: left to the network card to fill in. What is beyond the packet is padding.
  const end = total === 0 ? bytes.length : Math.min(bytes.length, total);
  if (end < header) return 'short';
  const ends = { src: ipv4At(bytes, 12), dst: ipv4At(bytes, 16) };
  return parseTransport(bytes[9] ?? 0, bytes.subarray(header, end), ends, base);
}

/** RFC 8200. */
function parseIpv6(bytes: Uint8Array, base: FrameBase): Frame | FrameIgnored {
  if (bytes.length < 40 || (bytes[0] ?? 0) >> 4 !== 6) return 'short';
  const length = u16(bytes, 4);
  const end = length === 0 ? bytes.length : Math.min(bytes.length, 40 + length);
  const ends = { src: ipv6At(bytes, 8), dst: ipv6At(bytes, 24) };
  let next = bytes[6] ?? 0;
  let at = 40;
  for (let count = 0; isExtension(next); count++) {
    if (count === MAX_EXTENSIONS) return 'extensions';
    if (at + 8 > end) return 'short';
    if (next === 44 && (u16(bytes, at + 2) & 0xfff8) !== 0) return 'fragment';
    const size =
      next === 44 ? 8 : next === 51 ? ((bytes[at + 1] ?? 0) + 2) * 4 : ((bytes[at + 1] ?? 0) + 1) * 8;
    next = bytes[at] ?? 0;
    at += size;
  }
  if (at > end) return 'short';
  return parseTransport(next, bytes.subarray(at, end), ends, base);
}

/** Hop-by-hop, routing, fragment, authentication, destination options. */
function isExtension(header: number): boolean {
  return header === 0 || header === 43 || header === 44 || header === 51 || header === 60;
}

function parseTransport(
  protocol: number,
  bytes: Uint8Array,
  ends: { src: Address; dst: Address },
  base: FrameBase,
): Frame | FrameIgnored {
  if (protocol === 58) return parseDiscovery(bytes, ends, base);
  if (protocol !== 17 && protocol !== 6) return 'protocol';
  if (bytes.length < 8) return 'short';
  const ports = { sport: u16(bytes, 0), dport: u16(bytes, 2) };
  if (protocol === 17) {
    const length = u16(bytes, 4);
    const end = length < 8 ? bytes.length : Math.min(bytes.length, length);
    return { kind: 'udp', ...base, ...ends, ...ports, payload: bytes.subarray(8, end) };
  }
  const header = ((bytes[12] ?? 0) >> 4) * 4;
  if (bytes.length < 20 || header < 20 || header > bytes.length) return 'short';
  return { kind: 'tcp', ...base, ...ends, ...ports, payload: bytes.subarray(header) };
}

function parseDiscovery(bytes: Uint8Array, { src }: { src: Address }, base: FrameBase): Frame | FrameIgnored {
  const type = bytes[0];
  if (type !== 135 && type !== 136) return 'protocol';
  if (bytes.length < 24) return 'short';
  // A solicitation without a sender only asks whether the address is free: it is nobody's yet.
  if (type === 135) return src === '::' ? 'protocol' : { kind: 'nd', ...base, address: src };
  return { kind: 'nd', ...base, address: ipv6At(bytes, 8) };
}
