import { type NodeId, type Prefix, ROUTER } from '../../policy/block-set.ts';
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

/** Stands at the end of a flow for which the kernel counts drops of many nodes together, or of the router itself; no node's id looks like it. */
export type Whole = 'home' | 'router' | 'internet' | 'lan' | Prefix;

export function isWhole(end: NodeId | Whole): boolean {
  return end === 'home' || end === ROUTER || end === 'internet' || end === 'lan' || end.includes('/');
}

/** What blocks have dropped of a pair since the last news of it. */
export interface Drop extends Counts {
  /**
   * `home` for what is blocked for every device: there the kernel does not count by device. `router`: what this router itself
   * sends and receives.
   */
  readonly device: NodeId | 'home';
  /** A network, `internet` or `lan` where that is what is blocked. */
  readonly other: NodeId | Whole;
  readonly otherIsDevice: boolean;
}

/** What blocks have dropped since the flow was first seen, both directions together. */
export interface Blocked extends Counts {
  /** Monotonic milliseconds. */
  readonly lastSeen: number;
}

/**
 * Traffic between a device and another node, per protocol and service port. Times are monotonic milliseconds.
 *
 * What blocks drop is counted per pair, whatever the service: it is a flow of its own, with protocol and port 0 and only
 * `blocked`, whose ends may be a {@link Whole}.
 */
export interface Flow {
  readonly device: NodeId | 'home';
  readonly other: NodeId | Whole;
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
  /** When packets were last counted or dropped, or an entry began. */
  readonly lastSeen: number;
  /** Conntrack entries that feed it now. */
  readonly entries: number;
  /** Undefined when no block has dropped anything of it. Not part of `up` and `down`. */
  readonly blocked: Blocked | undefined;
}

/** Both together; unknown only when both are. */
export function sum(one: Counts | undefined, other: Counts | undefined): Counts | undefined {
  if (one === undefined) return other;
  if (other === undefined) return one;
  return { packets: one.packets + other.packets, bytes: one.bytes + other.bytes };
}
