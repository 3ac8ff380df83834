import type { NodeId } from '../../policy/block-set.ts';
import type { Counts } from '../observe/conntrack.ts';

/** Stands for every node whose rows were folded together, and for one that cannot be told any more. */
export const OTHERS = '';

/**
 * What went between two nodes in some time. Ends are node ids, {@link OTHERS}, or words such as `internet` and networks
 * where that is what was blocked. Whole numbers exact to 2⁵³.
 */
export interface Row {
  readonly device: NodeId;
  readonly other: NodeId;
  /** `other` is a device too: the row belongs to both. */
  readonly otherIsDevice: boolean;
  /** From and to the device. */
  readonly up: Counts;
  readonly down: Counts;
  /** Connections that began. */
  readonly begun: number;
  /** What blocks have dropped, both directions together; not part of `up` and `down`. */
  readonly blocked: Counts;
  /** Part of the traffic could not be counted: the amounts are a lower bound. */
  readonly partial: boolean;
}

export const NONE: Counts = { packets: 0, bytes: 0 };

export function added(one: Counts, other: Counts): Counts {
  return { packets: one.packets + other.packets, bytes: one.bytes + other.bytes };
}
