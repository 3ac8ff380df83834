import type { ConntrackEntry } from '../observe/conntrack.ts';
import type { Packet } from '../observe/packet.ts';

/** What a packet is in its connection: the first one, the answer to it, or one in the middle. */
export type Opening = 'opens' | 'answers' | 'middle';

const [ICMP, ICMPV6] = [1, 58];
const [SYN, ACK, RST] = [0x02, 0x10, 0x04];

/** Answer → query (RFC 792, 950; RFC 4443, 4620): one flow has both. */
const ICMP_QUERIES: ReadonlyMap<number, number> = new Map([
  [0, 8],
  [14, 13],
  [16, 15],
  [18, 17],
]);
const ICMPV6_QUERIES: ReadonlyMap<number, number> = new Map([
  [129, 128],
  [140, 139],
]);

/** What is asked at these ports is asked of whoever has them, also when the answer is seen first: SSDP, multicast DNS. */
const SERVICES: ReadonlySet<number> = new Set([1900, 5353]);
const WELL_KNOWN = 1_024;

/** What the flags of a TCP segment (RFC 9293) tell of its place; undefined when it is no TCP. */
export function openingOf(flags: number | undefined): Opening | undefined {
  if (flags === undefined) return undefined;
  if ((flags & SYN) !== 0) return (flags & ACK) === 0 ? 'opens' : 'answers';
  // A port that nobody listens at refuses.
  return (flags & (RST | ACK)) === (RST | ACK) ? undefined : 'middle';
}

/** True for router and neighbour discovery (RFC 4861), which conntrack does not follow either. */
export function isDiscovery({ protocol, dport }: Packet): boolean {
  return protocol === ICMPV6 && dport >= 133 && dport <= 137;
}

/**
 * The packet's connection as conntrack would show it, from its initiator's side. The initiator sent the first packet, unless
 * the packet is known to be an answer, or its ports say so; in the middle of a connection it is at the higher port.
 */
export function connectionOf(packet: Packet, opening?: Opening): ConntrackEntry {
  const { protocol, src, dst } = packet;
  const type = icmpType(packet);
  const [sport, dport] = type === undefined ? [packet.sport, packet.dport] : [type, type];
  const there = { src, dst, sport, dport, counts: undefined };
  const back = { src: dst, dst: src, sport: dport, dport: sport, counts: undefined };
  const [original, reply] = isAnswer(packet, opening) ? [back, there] : [there, back];
  return { event: undefined, protocol, original, reply, id: undefined, offloaded: false };
}

/** Of ICMP the type of the query; undefined for anything else. */
export function icmpType({ protocol, dport }: Packet): number | undefined {
  if (protocol === ICMP) return ICMP_QUERIES.get(dport) ?? dport;
  return protocol === ICMPV6 ? (ICMPV6_QUERIES.get(dport) ?? dport) : undefined;
}

function isAnswer({ protocol, sport, dport }: Packet, opening: Opening | undefined): boolean {
  if (protocol === ICMP) return ICMP_QUERIES.has(dport);
  if (protocol === ICMPV6) return ICMPV6_QUERIES.has(dport);
  if (opening === 'opens') return false;
  if (opening === 'answers') return true;
  if (opening === 'middle') return sport < dport;
  return isService(sport) && !isService(dport);
}

function isService(port: number): boolean {
  return (port > 0 && port < WELL_KNOWN) || SERVICES.has(port);
}
