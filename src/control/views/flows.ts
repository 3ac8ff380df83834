import { type Blocked, type Flow, isWhole } from '../../local/flows/flow.ts';
import type { FlowCursor } from '../../local/flows/flow-table.ts';
import { joinFlows } from '../../local/flows/joined.ts';
import type { Counts } from '../../local/observe/conntrack.ts';
import type { NodeId } from '../../policy/block-set.ts';
import { ignoredNodes } from '../commands/ignore.ts';
import type { PageRequest } from '../numbered.ts';
import type { Parts } from '../parts.ts';
import { knownByNow } from './known-by-now.ts';
import { protocolName } from './protocols.ts';
import { type EndView, endView, nodesNamed } from './traffic.ts';

/** One flow as a person is shown it. Bytes and packets are undefined where the kernel did not count. */
export interface FlowView {
  readonly device: EndView;
  readonly other: EndView;
  /** tcp, udp, icmp … or the number; `any` for what blocks dropped, which is counted whatever the service. */
  readonly protocol: string;
  readonly port: number;
  readonly up: Counts | undefined;
  readonly down: Counts | undefined;
  /** What blocks have dropped of it, both directions together. */
  readonly blocked: Counts | undefined;
  /** The totals are a lower bound. */
  readonly partial: boolean;
  readonly connections: number;
  /** Somebody chose to ignore one of the two: shown only when all are asked for. */
  readonly ignored: boolean;
  readonly seenSecondsAgo: number;
}

export interface FlowsRequest {
  /** So many at most. */
  readonly top: number;
  /** Also those of ignored nodes. */
  readonly all: boolean;
  /** Only those of what this text stands for. */
  readonly who?: string | undefined;
}

/** The live flows of this router, one for each pair of nodes and service; the busiest first. */
export function flowsView(parts: Parts, { top, all, who }: FlowsRequest): FlowView[] {
  const ignored = ignoredNodes(parts);
  const isIgnored = (flow: Flow) => ignored.has(flow.device) || ignored.has(flow.other);
  const ids = who === undefined ? undefined : nodesNamed(parts, who);
  const now = parts.clock.monotonic();
  const flows = joined(wanted(parts.flows.flows(), ids), parts.classOf, (id) => knownByNow(parts, id));
  return flows
    .filter((flow) => all || !isIgnored(flow))
    .sort((x, y) => weight(y) - weight(x))
    .slice(0, top)
    .map((flow) => shown(parts, flow, isIgnored(flow), now));
}

/** Some of the flows. `next`: where to go on, as `cursor`; it is not there when that was all. */
export interface FlowsPageView {
  readonly flows: readonly FlowView[];
  readonly next?: FlowCursor | undefined;
}

/**
 * The live flows of this router page by page, in no order, those of ignored nodes too; they may come and go meanwhile. As they
 * were seen: those of a node that has several ids are not added up.
 */
export function flowsPageView(parts: Parts, { top, cursor }: PageRequest): FlowsPageView {
  const ignored = ignoredNodes(parts);
  const now = parts.clock.monotonic();
  const { items, next } = parts.flows.page(cursor, top);
  const flows = items.map((flow) =>
    shown(parts, flow, ignored.has(flow.device) || ignored.has(flow.other), now),
  );
  return { flows, next };
}

function shown(parts: Parts, flow: Flow, ignored: boolean, now: number): FlowView {
  return {
    device: endView(parts, flow.device),
    other: endView(parts, flow.other),
    protocol: flow.protocol === 0 && flow.blocked !== undefined ? 'any' : protocolName(flow.protocol),
    port: flow.port,
    up: flow.up,
    down: flow.down,
    blocked: countsOf(flow.blocked),
    partial: flow.partial,
    connections: flow.entries,
    ignored,
    seenSecondsAgo: Math.max(0, Math.round((now - flow.lastSeen) / 1000)),
  };
}

function* wanted(flows: Iterable<Flow>, ids: ReadonlySet<NodeId> | undefined): Generator<Flow> {
  for (const flow of flows) {
    if (ids === undefined || ids.has(flow.device) || ids.has(flow.other)) yield flow;
  }
}

/** Most nodes have one id: only the flows of others are looked at for more of the same. */
function joined(
  flows: Iterable<Flow>,
  classOf: (id: NodeId) => readonly NodeId[],
  byNow: (id: NodeId) => NodeId,
): Flow[] {
  const known = new Map<NodeId, boolean>();
  const names = new Map<NodeId, NodeId>();
  const isAlone = (id: NodeId): boolean => {
    let alone = known.get(id);
    if (alone === undefined) {
      alone = isWhole(id) || classOf(id).length === 1;
      known.set(id, alone);
    }
    return alone;
  };
  const alone: Flow[] = [];
  const others: Flow[] = [];
  const named = Array.from(flows, (flow) => {
    const other = names.get(flow.other) ?? byNow(flow.other);
    names.set(flow.other, other);
    if (other === flow.other) return flow;
    known.set(other, false);
    return { ...flow, other };
  });
  for (const flow of named) (isAlone(flow.device) && isAlone(flow.other) ? alone : others).push(flow);
  return alone.concat(joinFlows(others, classOf));
}

function weight({ up, down, blocked }: Flow): number {
  return (up?.bytes ?? 0) + (down?.bytes ?? 0) + (blocked?.bytes ?? 0);
}

function countsOf(blocked: Blocked | undefined): Counts | undefined {
  return blocked === undefined ? undefined : { packets: blocked.packets, bytes: blocked.bytes };
}
