import type { Mac } from '../../policy/block-set.ts';
import { type FrameCounters, type FrameStreams, readFrame } from '../observe/frame-facts.ts';
import { ARP, parseLink } from '../observe/link.ts';
import { type PacketIgnored, parsePacket, type ReadPacket } from '../observe/packet-reader.ts';
import type { CapturedFrame } from '../observe/pcap.ts';
import type { Reading } from '../observe/seen.ts';
import { CAPTURE } from './lan-finder.ts';
import type { Stations } from './stations.ts';

/** One frame of a capture with all that it tells. */
export interface ReadCapture {
  readonly source: Mac | undefined;
  readonly vlan: number | undefined;
  /** The machine that captured has sent it. */
  readonly own: boolean;
  /** The IP packet in it, or why there is none. */
  readonly packet: ReadPacket | PacketIgnored;
  readonly readings: readonly Reading[];
}

const [TCP, UDP, ICMPV6] = [6, 17, 58];
const [DNS, DHCP_SERVER, DHCP_CLIENT, HTTPS, MDNS] = [53, 67, 68, 443, 5353];
/** LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2. */
const [COOKED, COOKED2, OUTGOING] = [113, 276, 4];
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOURS: ReadonlySet<number> = new Set([135, 136]);
/** Whoever logs in to a network (IEEE 802.1X) is there, also before its first packet. */
const EAPOL = 0x888e;
const NOTHING: readonly Reading[] = [];

/** Takes a frame apart as far as anybody asks: facts are looked for where they can be. */
export function readCaptured(
  frame: CapturedFrame,
  counters: FrameCounters,
  streams: FrameStreams,
): ReadCapture {
  const { bytes, linkType, length } = frame;
  const packet = parsePacket(bytes, linkType, length);
  const own = isOwn(bytes, linkType);
  if (typeof packet === 'object') {
    const asks = hasFacts(packet) || (streams.hellos !== undefined && isTls(packet));
    const readings = asks ? readFrame(bytes, linkType, CAPTURE, counters, streams) : NOTHING;
    return { source: packet.source, vlan: packet.vlan, own, packet, readings };
  }
  const link = parseLink(bytes, linkType);
  if (typeof link === 'string') return { source: undefined, vlan: undefined, own, packet, readings: NOTHING };
  const readings = link.type === ARP ? readFrame(bytes, linkType, CAPTURE, counters, streams) : NOTHING;
  const isHost = link.type === ARP || link.type === EAPOL;
  return { source: isHost ? link.source : undefined, vlan: link.vlan, own, packet, readings };
}

export function isDns({ packet: { protocol, sport, dport } }: ReadPacket): boolean {
  return (protocol === UDP || protocol === TCP) && (sport === DNS || dport === DNS);
}

/** Tells the stations what a frame says of them. */
export function hear(stations: Stations, { source, own, packet: read, readings }: ReadCapture): void {
  if (source !== undefined) stations.heard(source);
  if (source !== undefined && own) stations.captured(source);
  for (const reading of readings)
    if (reading.kind === 'seen' && reading.routed !== true) stations.claimed(reading.mac, reading.address);
  if (typeof read === 'string') return;
  const { src, dst, protocol, sport, dport } = read.packet;
  if (protocol === UDP && sport === DHCP_SERVER && dport === DHCP_CLIENT) {
    if (source === undefined) return;
    stations.servedDhcp(source);
    // What it offers is for somebody who has no address yet, wherever it is sent.
    stations.claimed(source, src);
    return;
  }
  if (protocol === ICMPV6 && dport === ROUTER_ADVERTISEMENT && source !== undefined)
    stations.advertised(source);
  stations.carried(source, read.target, src, dst);
}

/** A capture of all interfaces at once (`tcpdump -i any`) tells of each packet which way it went. */
function isOwn(bytes: Uint8Array, linkType: number): boolean {
  if (linkType === COOKED) return bytes[0] === 0 && bytes[1] === OUTGOING;
  return linkType === COOKED2 && bytes[10] === OUTGOING;
}

function isTls({ packet: { protocol, dport } }: ReadPacket): boolean {
  return protocol === TCP && dport === HTTPS;
}

function hasFacts(read: ReadPacket): boolean {
  const { protocol, sport, dport } = read.packet;
  if (protocol === ICMPV6) return NEIGHBOURS.has(dport);
  if (protocol === UDP && (dport === DHCP_SERVER || sport === DHCP_SERVER || sport === MDNS)) return true;
  return isDns(read);
}
