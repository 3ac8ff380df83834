import type { NumberedNode } from '../../control/views/numbers.ts';
import { type Flags, sortedAddresses } from './lists.ts';

/** A node as SPIN tells of it; in the order of its keys, of which only these may be absent. */
export interface NodeInfo {
  readonly id: number;
  readonly name?: string;
  readonly mac?: string;
  readonly is_blocked?: true;
  readonly is_excepted?: true;
  /** Unix seconds; 0 when this router never saw it. */
  readonly lastseen: number;
  readonly ips: readonly string[];
  /** Each with a dot at its end. */
  readonly domains: readonly string[];
}

/** A node as SPIN tells of it. */
export function nodeInfoOf(node: NumberedNode, flags: Flags, nowMs: number): NodeInfo {
  const [name] = node.names;
  const [mac] = node.macs;
  const { seenSecondsAgo } = node;
  return {
    id: node.alias,
    ...(name === undefined ? {} : { name }),
    ...(mac === undefined ? {} : { mac }),
    ...(flags.isBlocked(node) ? { is_blocked: true as const } : {}),
    ...(flags.isAllowed(node) ? { is_excepted: true as const } : {}),
    lastseen: seenSecondsAgo === undefined ? 0 : Math.floor(nowMs / 1000) - seenSecondsAgo,
    ips: sortedAddresses(node.addresses.map(({ address }) => address)),
    domains: node.domains.map((domain) => `${domain}.`),
  };
}
