import type { Mac } from '../../policy/block-set.ts';
import { u16 } from './bytes.ts';
import { type IpIgnored, parseIp } from './ip.ts';
import { type LinkIgnored, parseLink } from './link.ts';
import type { Packet } from './packet.ts';

/** A packet, and between whom it was on this segment. */
export interface ReadPacket {
  readonly packet: Packet;
  /** Who sent the frame; undefined for a group address and where the capture does not tell. */
  readonly source: Mac | undefined;
  /** Whom the frame was for, likewise. */
  readonly target: Mac | undefined;
  /** The outermost VLAN tag. */
  readonly vlan: number | undefined;
  /** The flags of a TCP segment (RFC 9293, 3.1); undefined for anything else, and where they were not captured. */
  readonly flags: number | undefined;
}

export type PacketIgnored = LinkIgnored | IpIgnored;

const [ICMP, TCP, ICMPV6] = [1, 6, 58];
/** TCP, UDP, DCCP, SCTP, UDP-Lite: two ports come first. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/**
 * Any IPv4 or IPv6 packet, as it is to be counted; the reason for what is none. `length` is that of the whole frame on the
 * wire, of which `bytes` may be the beginning. A packet whose ports were not captured, or that is a later fragment,
 * has ports 0.
 */
export function parsePacket(bytes: Uint8Array, linkType: number, length: number): ReadPacket | PacketIgnored {
  const link = parseLink(bytes, linkType);
  if (typeof link === 'string') return link;
  const ip = parseIp(bytes.subarray(link.at), link.type);
  if (typeof ip === 'string') return ip;
  const { src, dst, protocol, payload } = ip;
  // What a header claims beyond the frame was never sent.
  const onWire = Math.max(length, bytes.length) - link.at;
  const { sport, dport } = ip.later ? NO_PORTS : ports(payload, protocol);
  return {
    packet: { src, dst, protocol, sport, dport, packets: 1, bytes: Math.min(ip.total ?? onWire, onWire) },
    source: link.source,
    target: link.target,
    vlan: link.vlan,
    flags: protocol === TCP && !ip.later ? payload[13] : undefined,
  };
}

const NO_PORTS = { sport: 0, dport: 0 };

function ports(payload: Uint8Array, protocol: number): { sport: number; dport: number } {
  if (protocol === ICMP || protocol === ICMPV6) return { sport: 0, dport: payload[0] ?? 0 };
  if (!WITH_PORTS.has(protocol) || payload.length < 4) return NO_PORTS;
  return { sport: u16(payload, 0), dport: u16(payload, 2) };
}
