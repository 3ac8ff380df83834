import { canonicalDomain, canonicalMac } from '../../../policy/address.ts';
import type { Address, Mac } from '../../../policy/block-set.ts';
import { ipv4At, ipv6At, u16, u32 } from '../bytes.ts';
import { ownText } from '../facts.ts';
import type { Packet } from '../packet.ts';

/** What an external source says (SPIN's spin-pcap-reader: extsrc.h, pkt_info.h). */
export type ExternalMessage =
  /** Type 1: packets alike since its last report. */
  | { readonly kind: 'packet'; readonly packet: Packet }
  /** Type 2: an address asks for a name. */
  | { readonly kind: 'question'; readonly client: Address; readonly domain: string }
  /** Type 3: a name has an address. SPIN's reader always says 1,234 s. */
  | { readonly kind: 'answer'; readonly domain: string; readonly address: Address; readonly ttlS: number }
  /** Type 4: an ARP reply or neighbour advertisement. */
  | { readonly kind: 'neighbour'; readonly mac: Mac; readonly address: Address };

/**
 * Why a message is none. `length`: the header's does not suit the type; `short`, `long`: what came does not suit the header;
 * `number`: more packets or bytes than can be; `empty`: no packets.
 */
export type ExternalIgnored =
  | 'short'
  | 'long'
  | 'type'
  | 'length'
  | 'family'
  | 'name'
  | 'mac'
  | 'number'
  | 'empty';

/** Bytes of a header: u32 type, u32 length of the payload. */
export const HEADER = 8;
const [PACKET, QUESTION, ANSWER, NEIGHBOUR] = [1, 2, 3, 4];
/** Of each type the only payload that there is, bytes. */
const PAYLOAD: Readonly<Record<number, number>> = {
  [PACKET]: 64,
  [QUESTION]: 300,
  [ANSWER]: 280,
  [NEIGHBOUR]: 36,
};
/** A question is its family and source, then the body of an answer. */
const QUESTION_SOURCE = 20;
/** ICMP and ICMPv6, and the type of their echo request. */
const ECHO: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [58, 128],
]);
/** Payload that fits in an IP packet, which is what the source counts. */
const MAX_PER_PACKET = 65_535;
const IP_HEADER = { 4: 20, 6: 40 } as const;
/** IP versions, and AF_INET and AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS: both come. */
const FAMILIES: ReadonlyMap<number, 4 | 6> = new Map([
  [4, 4],
  [2, 4],
  [6, 6],
  [10, 6],
  [24, 6],
  [28, 6],
  [30, 6],
]);

export interface Header {
  readonly type: number;
  /** Bytes that follow the header. */
  readonly payload: number;
  /** The sender's byte order. */
  readonly little: boolean;
}

/**
 * The header at an offset. The protocol is in the host order of the sender, which may be a router of another kind: the
 * type, 1 to 4, is a small number in one order only, and tells it.
 */
export function headerAt(bytes: Uint8Array, at: number): Header | 'short' | 'type' | 'length' {
  if (bytes.length - at < HEADER) return 'short';
  const little = bytes[at] !== 0;
  const type = little ? u32Little(bytes, at) : u32(bytes, at);
  const payload = PAYLOAD[type];
  if (payload === undefined) return 'type';
  const length = little ? u32Little(bytes, at + 4) : u32(bytes, at + 4);
  return length === payload ? { type, payload, little } : 'length';
}

/** Reads one message, header and all; nothing may follow it. Time and memory are bounded by its length. */
export function parseMessage(bytes: Uint8Array): ExternalMessage | ExternalIgnored {
  const header = headerAt(bytes, 0);
  if (typeof header === 'string') return header;
  const { type, payload, little } = header;
  if (bytes.length !== HEADER + payload) return bytes.length < HEADER + payload ? 'short' : 'long';
  const body = bytes.subarray(HEADER);
  if (type === PACKET) return parsePacket(body, little);
  if (type === QUESTION) return parseQuestion(body, little);
  return type === ANSWER ? parseAnswer(body, little) : parseNeighbour(body);
}

/**
 * u8 family, u8 protocol, source[16], destination[16], u16 ports, u8 ICMP type, u64 bytes at 40, u64 packets at 48, u16 offset.
 * The bytes are those behind the IP header, which is added here as one without options. Of the ICMP type SPIN's reader sends
 * what happened to lie in its memory: all of ICMP is counted as echo, which nearly all of it is.
 */
function parsePacket(body: Uint8Array, little: boolean): ExternalMessage | ExternalIgnored {
  const family = FAMILIES.get(body[0] ?? 0);
  if (family === undefined) return 'family';
  const [src, dst] = [addressAt(body, 2, family), addressAt(body, 18, family)];
  if (src === undefined || dst === undefined) return 'family';
  const [payload, packets] = [u64(body, 40, little), u64(body, 48, little)];
  if (packets === 0) return 'empty';
  if (packets > 0xffffffff || payload > packets * MAX_PER_PACKET) return 'number';
  const protocol = body[1] ?? 0;
  const echo = ECHO.get(protocol);
  const port = (at: number): number => (little ? u16Little(body, at) : u16(body, at));
  const [sport, dport] = echo === undefined ? [port(34), port(36)] : [0, echo];
  const bytes = payload + packets * IP_HEADER[family];
  return { kind: 'packet', packet: { src, dst, protocol, sport, dport, packets, bytes } };
}

/** int family, source[16], then the body of an answer, of which only the name means something. */
function parseQuestion(body: Uint8Array, little: boolean): ExternalMessage | ExternalIgnored {
  const family = FAMILIES.get(little ? u32Little(body, 0) : u32(body, 0));
  const client = family === undefined ? undefined : addressAt(body, 4, family);
  if (client === undefined) return 'family';
  const domain = nameAt(body, QUESTION_SOURCE + 24);
  return domain === undefined ? 'name' : { kind: 'question', client, domain };
}

/** u8 family, address[16], u32 time to live at 20, the name in wire format, 256 bytes at 24. */
function parseAnswer(body: Uint8Array, little: boolean): ExternalMessage | ExternalIgnored {
  const family = FAMILIES.get(body[0] ?? 0);
  const address = family === undefined ? undefined : addressAt(body, 1, family);
  if (address === undefined) return 'family';
  const domain = nameAt(body, 24);
  if (domain === undefined) return 'name';
  return { kind: 'answer', domain, address, ttlS: little ? u32Little(body, 20) : u32(body, 20) };
}

/** The MAC as text[18], u8 family, u8 prefix length, address[16]. */
function parseNeighbour(body: Uint8Array): ExternalMessage | ExternalIgnored {
  const mac = body[17] === 0 ? canonicalMac(String.fromCharCode(...body.subarray(0, 17))) : undefined;
  if (mac === undefined) return 'mac';
  const family = FAMILIES.get(body[18] ?? 0);
  const address = family === undefined ? undefined : addressAt(body, 20, family);
  return address === undefined ? 'family' : { kind: 'neighbour', mac: ownText(mac), address };
}

/** IPv4 is in the last four of sixteen bytes. Undefined for an IPv4-mapped address, which no packet has. */
function addressAt(bytes: Uint8Array, at: number, family: 4 | 6): Address | undefined {
  if (family === 4) return ipv4At(bytes, at + 12);
  const address = ipv6At(bytes, at);
  return address.includes(':') ? address : undefined;
}

/** A name in wire format (RFC 1035, 3.1) without pointers, which ends before the message does. */
function nameAt(bytes: Uint8Array, from: number): string | undefined {
  const labels: string[] = [];
  for (let at = from; ; ) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at + 1 + length > bytes.length) return undefined;
    if (length === 0) break;
    const label = String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length));
    // A dot inside a label would look like two labels.
    if (label.includes('.')) return undefined;
    labels.push(label);
    at += 1 + length;
  }
  const domain = canonicalDomain(labels.join('.'));
  return domain === undefined ? undefined : ownText(domain);
}

function u16Little(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function u32Little(bytes: Uint8Array, at: number): number {
  return u16Little(bytes, at) + u16Little(bytes, at + 2) * 65_536;
}

/** Not exact beyond 2^53, which no count of ours comes near. */
function u64(bytes: Uint8Array, at: number, little: boolean): number {
  return little
    ? u32Little(bytes, at) + u32Little(bytes, at + 4) * 2 ** 32
    : u32(bytes, at) * 2 ** 32 + u32(bytes, at + 4);
}
