import type { Address } from '../../policy/block-set.ts';

/** A packet, or several alike, as a capture or an external source saw it on its way. Addresses are canonical. */
export interface Packet {
  readonly src: Address;
  readonly dst: Address;
  /** IP protocol number. */
  readonly protocol: number;
  /** Ports; for ICMP and ICMPv6 `sport` is 0 and `dport` the type; 0 where there are none. */
  readonly sport: number;
  readonly dport: number;
  readonly packets: number;
  /** On the wire, with the IP header and without the frame's. */
  readonly bytes: number;
}
