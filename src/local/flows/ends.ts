import { isSpecial } from '../../policy/address.ts';
import type { Address, NodeId } from '../../policy/block-set.ts';
import type { ConntrackEntry, Tuple } from '../observe/conntrack.ts';

/** What this router knows of addresses. */
export interface Places {
  /** An address of the router itself. */
  isOwn(address: Address): boolean;
  /** In a prefix of the LAN. */
  isLan(address: Address): boolean;
  deviceAt(address: Address): NodeId | undefined;
  /** Undefined only when there is no room for one more remote. */
  remoteAt(address: Address): NodeId | undefined;
}

/** Whose a conntrack entry is. */
export interface Ends {
  readonly device: NodeId;
  readonly other: NodeId;
  readonly otherIsDevice: boolean;
  readonly port: number;
  /** True when the device opened the connection: its packets are those of the original direction. */
  readonly outward: boolean;
}

/**
 * `unknown`: an end is in the LAN and its MAC is not known yet, so ask again. `router`: the router's own traffic, or
 * transit that touches no device. `special`: multicast, broadcast, link-local.
 */
export type NoEnds = 'unknown' | 'router' | 'special' | 'full';

/** Who is the device (design: observation). The reply's destination is never asked: under NAT it is the router. */
export function endsOf(entry: ConntrackEntry, places: Places): Ends | NoEnds {
  const { original, reply } = entry;
  if (isSpecial(original.src) || isSpecial(original.dst)) return 'special';
  if (inLan(original.src, places)) return outward(original, reply, places);
  if (inLan(reply.src, places)) {
    if (places.isOwn(original.src)) return 'router';
    const device = places.deviceAt(reply.src);
    if (device === undefined) return 'unknown';
    const other = places.remoteAt(original.src);
    if (other === undefined) return 'full';
    return { device, other, otherIsDevice: false, port: servicePort(entry, reply.sport), outward: false };
  }
  return 'router';

  function outward(to: Tuple, back: Tuple, known: Places): Ends | NoEnds {
    const device = known.deviceAt(to.src);
    if (device === undefined) return 'unknown';
    const toRouter = known.isOwn(to.dst);
    if (toRouter && known.isOwn(back.src)) return 'router';
    // Turned elsewhere: back into the LAN by a port forward, or to a device that answers for the internet (a DNS filter).
    const turned = toRouter || inLan(back.src, known);
    const far = turned ? back.src : to.dst;
    const port = servicePort(entry, turned ? back.sport : to.dport);
    if (inLan(far, known)) {
      const other = known.deviceAt(far);
      if (other === undefined) return 'unknown';
      return other === device ? 'router' : { device, other, otherIsDevice: true, port, outward: true };
    }
    const other = known.remoteAt(far);
    return other === undefined ? 'full' : { device, other, otherIsDevice: false, port, outward: true };
  }
}

const ICMP = new Set([1, 58]);

/** Of ICMP the type of the query, which the original direction holds. */
function servicePort({ protocol, original }: ConntrackEntry, port: number): number {
  return ICMP.has(protocol) ? original.dport : port;
}

function inLan(address: Address, places: Places): boolean {
  return (places.isLan(address) && !places.isOwn(address)) || places.deviceAt(address) !== undefined;
}
