import type { Address } from '../../policy/block-set.ts';
import { ipv4At, ipv6At, u16 } from './bytes.ts';
import { IPV4, IPV6 } from './link.ts';

/** An IP packet as far as it was captured. */
export interface IpPacket {
  readonly src: Address;
  readonly dst: Address;
  /** What the payload is, by IP protocol number; of IPv6 what comes after the extension headers. */
  readonly protocol: number;
  /** True for all fragments but the first: they carry no ports. */
  readonly later: boolean;
  /** Length of the packet with its header; undefined where the header leaves that to the network card or to an option. */
  readonly total: number | undefined;
  /** What was captured, without the padding of the frame. */
  readonly payload: Uint8Array;
  /** How many bytes of the payload are missing in the capture. */
  readonly missing: number;
}

export type IpIgnored = 'short' | 'protocol' | 'extensions';

const MAX_EXTENSIONS = 8;
const [FRAGMENT, AUTHENTICATION] = [44, 51];

/** The packet in `bytes`, which the link layer says is of this EtherType. */
export function parseIp(bytes: Uint8Array, type: number): IpPacket | IpIgnored {
  if (type === IPV4) return parseIpv4(bytes);
  return type === IPV6 ? parseIpv6(bytes) : 'protocol';
}

/** RFC 791. */
function parseIpv4(bytes: Uint8Array): IpPacket | IpIgnored {
  const header = ((bytes[0] ?? 0) & 0x0f) * 4;
  if (bytes.length < 20 || (bytes[0] ?? 0) >> 4 !== 4 || header < 20 || header > bytes.length) return 'short';
  const total = u16(bytes, 2);
  const end = total === 0 ? bytes.length : Math.min(bytes.length, total);
  if (end < header) return 'short';
  return {
    src: ipv4At(bytes, 12),
    dst: ipv4At(bytes, 16),
    protocol: bytes[9] ?? 0,
    later: (u16(bytes, 6) & 0x1fff) !== 0,
    total: total === 0 ? undefined : total,
    payload: bytes.subarray(header, end),
    missing: Math.max(0, total - bytes.length),
  };
}

/** RFC 8200. */
function parseIpv6(bytes: Uint8Array): IpPacket | IpIgnored {
  if (bytes.length < 40 || (bytes[0] ?? 0) >> 4 !== 6) return 'short';
  const length = u16(bytes, 4);
  const total = length === 0 ? undefined : 40 + length;
  const end = Math.min(bytes.length, total ?? bytes.length);
  let protocol = bytes[6] ?? 0;
  let at = 40;
  let later = false;
  for (let count = 0; isExtension(protocol) && !later; count++) {
    if (count === MAX_EXTENSIONS) return 'extensions';
    if (at + 8 > end) return 'short';
    const words = bytes[at + 1] ?? 0;
    later = protocol === FRAGMENT && (u16(bytes, at + 2) & 0xfff8) !== 0;
    const size = protocol === FRAGMENT ? 8 : protocol === AUTHENTICATION ? (words + 2) * 4 : (words + 1) * 8;
    protocol = bytes[at] ?? 0;
    at += size;
  }
  if (at > end) return 'short';
  return {
    src: ipv6At(bytes, 8),
    dst: ipv6At(bytes, 24),
    protocol,
    later,
    total,
    payload: bytes.subarray(at, end),
    missing: Math.max(0, (total ?? 0) - bytes.length),
  };
}

/** Hop-by-hop, routing, fragment, authentication, destination options. */
function isExtension(header: number): boolean {
  return header === 0 || header === 43 || header === FRAGMENT || header === AUTHENTICATION || header === 60;
}
