import type { Address, Mac } from '../../policy/block-set.ts';
import type { AnswerFact, HostNameFact } from './facts.ts';

/** A MAC with an address on an interface, as a reader saw it: before it is known to be a device of the LAN. */
export interface Seen {
  readonly kind: 'seen';
  readonly interface: string;
  /** The outermost VLAN tag of the frame. */
  readonly vlan?: number | undefined;
  readonly address: Address;
  readonly mac: Mac;
  readonly present: boolean;
  /** As in NeighbourFact. */
  readonly fresh: boolean;
  readonly stale?: boolean | undefined;
  /** True for the sender of an IP packet: a router passes packets on, so only an on-link address is its own. */
  readonly routed?: boolean;
}

/** What a reader hands to the gate. */
export type Reading = Seen | AnswerFact | HostNameFact;
