import type { NodeId } from '../../policy/block-set.ts';
import type { Counts } from '../observe/conntrack.ts';

/** A piece of news about a flow: what was added to it since the last one. */
export interface Sighting {
  readonly device: NodeId;
  readonly other: NodeId;
  /** True when `other` is a device too: the flow is then shown under both. */
  readonly otherIsDevice: boolean;
  /** IP protocol number. */
  readonly protocol: number;
  /** The service's port; for ICMP and ICMPv6 the type; 0 where there is none. */
  readonly port: number;
  /** From the device; undefined when the kernel did not count: unknown is not zero. */
  readonly up: Counts | undefined;
  readonly down: Counts | undefined;
  /** Conntrack entries that began (1), ended (-1) or neither (0) with this news. */
  readonly entries: -1 | 0 | 1;
  /** The kernel hands the packets past its own counters, which may lag. */
  readonly offloaded: boolean;
}

/** Traffic between a device and another node, per protocol and service port. Times are monotonic milliseconds. */
export interface Flow {
  readonly device: NodeId;
  readonly other: NodeId;
  readonly otherIsDevice: boolean;
  readonly protocol: number;
  readonly port: number;
  /** Totals from and to the device; undefined while nothing was counted. */
  readonly up: Counts | undefined;
  readonly down: Counts | undefined;
  /** True when part of the traffic could not be counted: the totals are a lower bound. */
  readonly partial: boolean;
  readonly offloaded: boolean;
  readonly firstSeen: number;
  /** When packets were last counted, or an entry began. */
  readonly lastSeen: number;
  /** Conntrack entries that feed it now. */
  readonly entries: number;
}
