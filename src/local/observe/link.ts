import type { Mac } from '../../policy/block-set.ts';
import { macAt, u16, u32 } from './bytes.ts';

/** What surrounds a packet on its way over one segment. */
export interface Link {
  /** Who sent the frame; undefined for a group address, which nobody has, and where the capture does not tell. */
  readonly source: Mac | undefined;
  /** Whom the frame is for, likewise. */
  readonly target: Mac | undefined;
  /** The outermost VLAN tag; undefined for untagged frames and priority tags. */
  readonly vlan: number | undefined;
  /** EtherType of what follows: {@link ARP}, {@link IPV4}, {@link IPV6} or something else. */
  readonly type: number;
  /** Where it begins. */
  readonly at: number;
}

export type LinkIgnored = 'short' | 'link' | 'protocol';

export const [IPV4, ARP, IPV6] = [0x0800, 0x0806, 0x86dd];
const PPPOE_SESSION = 0x8864;
const MAX_TAGS = 4;
const MAX_ATTRIBUTES = 32;

type LinkReader = (bytes: Uint8Array) => Link | LinkIgnored;

/** By link type of the capture (tcpdump.org/linktypes.html). */
const READERS: ReadonlyMap<number, LinkReader> = new Map([
  [0, family],
  [1, ethernet],
  [9, ppp],
  [12, rawIp],
  [14, rawIp],
  [51, (bytes) => untag(bytes, PPPOE_SESSION, 0, undefined, undefined)],
  [101, rawIp],
  [108, family],
  [113, cooked],
  [228, (bytes) => bare(bytes, IPV4, 0)],
  [229, (bytes) => bare(bytes, IPV6, 0)],
  [239, nflog],
  [276, cooked2],
]);

/**
 * The outside of a frame: Ethernet with VLAN tags (802.1Q, QinQ) and PPPoE, PPP, Linux's cooked forms (SLL, SLL2) and
 * log (NFLOG), BSD's loopback, or no outside at all.
 */
export function parseLink(bytes: Uint8Array, linkType: number): Link | LinkIgnored {
  const read = READERS.get(linkType);
  return read === undefined ? 'link' : read(bytes);
}

function bare(bytes: Uint8Array, type: number, at: number): Link | LinkIgnored {
  if (at > bytes.length) return 'short';
  return { source: undefined, target: undefined, vlan: undefined, type, at };
}

function ethernet(bytes: Uint8Array): Link | LinkIgnored {
  if (bytes.length < 14) return 'short';
  return untag(bytes, u16(bytes, 12), 14, macAt(bytes, 6), macAt(bytes, 0));
}

/** LINKTYPE_LINUX_SLL: who sent it is told where it has the length of a MAC. */
function cooked(bytes: Uint8Array): Link | LinkIgnored {
  if (bytes.length < 16) return 'short';
  const source = u16(bytes, 4) === 6 ? macAt(bytes, 6) : undefined;
  return untag(bytes, u16(bytes, 14), 16, source, undefined);
}

/** LINKTYPE_LINUX_SLL2. */
function cooked2(bytes: Uint8Array): Link | LinkIgnored {
  if (bytes.length < 20) return 'short';
  const source = bytes[11] === 6 ? macAt(bytes, 12) : undefined;
  return untag(bytes, u16(bytes, 0), 20, source, undefined);
}

/** VLAN tags, then perhaps a PPPoE session (RFC 2516), then the packet. */
function untag(
  bytes: Uint8Array,
  first: number,
  from: number,
  source: Mac | undefined,
  target: Mac | undefined,
): Link | LinkIgnored {
  let [type, at] = [first, from];
  let vlan: number | undefined;
  for (let tags = 0; type === 0x8100 || type === 0x88a8 || type === 0x9100; tags++) {
    if (tags === MAX_TAGS) return 'protocol';
    if (at + 4 > bytes.length) return 'short';
    vlan ??= u16(bytes, at) & 0x0fff || undefined;
    type = u16(bytes, at + 2);
    at += 4;
  }
  if (type === PPPOE_SESSION) {
    // Six bytes, then the PPP protocol.
    if (at + 8 > bytes.length) return 'short';
    type = ofPpp(u16(bytes, at + 6));
    at += 8;
  }
  return { source, target, vlan, type, at };
}

function ofPpp(protocol: number): number {
  return protocol === 0x0021 ? IPV4 : protocol === 0x0057 ? IPV6 : 0;
}

/** RFC 1661: the protocol in two bytes, or one if odd; before it perhaps address and control (RFC 1662). */
function ppp(bytes: Uint8Array): Link | LinkIgnored {
  const at = u16(bytes, 0) === 0xff03 ? 2 : 0;
  if (at + 2 > bytes.length) return 'short';
  const short = ((bytes[at] ?? 0) & 1) === 1;
  return bare(bytes, ofPpp(short ? (bytes[at] ?? 0) : u16(bytes, at)), at + (short ? 1 : 2));
}

function rawIp(bytes: Uint8Array): Link | LinkIgnored {
  if (bytes.length === 0) return 'short';
  const version = (bytes[0] ?? 0) >> 4;
  return bare(bytes, version === 4 ? IPV4 : version === 6 ? IPV6 : 0, 0);
}

/** The address family in four bytes of either order; IPv6 has a number of its own on each system. */
function family(bytes: Uint8Array): Link | LinkIgnored {
  if (bytes.length < 4) return 'short';
  const value = u32(bytes, 0);
  const number = value > 0xffff ? (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) : value;
  const type = number === 2 ? IPV4 : [10, 24, 28, 30].includes(number) ? IPV6 : 0;
  return bare(bytes, type, 4);
}

/** LINKTYPE_NFLOG: attributes of length, type and value, padded to four bytes, in the byte order of who wrote them. */
function nflog(bytes: Uint8Array): Link | LinkIgnored {
  if (bytes.length < 8) return 'short';
  const [HARDWARE_ADDRESS, PAYLOAD] = [8, 9];
  const type = bytes[0] === 2 ? IPV4 : bytes[0] === 10 ? IPV6 : 0;
  // Types are small numbers and never 0.
  const little = bytes[7] === 0;
  const number = (at: number) => (little ? (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) : u16(bytes, at));
  let source: Mac | undefined;
  for (let at = 4, count = 0; at + 4 <= bytes.length && count < MAX_ATTRIBUTES; count++) {
    const length = number(at);
    const attribute = number(at + 2);
    if (length < 4) return 'short';
    if (attribute === PAYLOAD) return { source, target: undefined, vlan: undefined, type, at: at + 4 };
    if (attribute === HARDWARE_ADDRESS && length >= 14 && u16(bytes, at + 4) === 6) {
      source = macAt(bytes, at + 8);
    }
    at += (length + 3) & ~3;
  }
  return 'short';
}
