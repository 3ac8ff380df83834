import type { NodeId } from '../../policy/block-set.ts';
import { type Blocked, type Flow, isWhole, sum } from './flow.ts';

/**
 * The flows as people see nodes: those of all ids of a class are one (seed 001, "Node life"). Counters and entries add; it
 * is blocked, partial or offloaded if either is. Flows are only read, so that a split undoes a merge. Two devices have one
 * flow for each service, whoever of them began it; its `device` is the one of the flow that was seen first. The id of a
 * class is the smallest of its ids. In the order of the flows.
 */
export function joinFlows(flows: Iterable<Flow>, classOf: (id: NodeId) => Iterable<NodeId>): Flow[] {
  const ids = new Map<NodeId, NodeId>();
  const idOf = (id: NodeId): NodeId => {
    let known = ids.get(id);
    if (known === undefined) {
      known = isWhole(id) ? id : smallest(id, classOf(id));
      ids.set(id, known);
    }
    return known;
  };
  const joined = new Map<string, Flow>();
  for (const flow of flows) {
    const one = { ...flow, device: idOf(flow.device), other: idOf(flow.other) };
    const [low, high] = one.device < one.other ? [one.device, one.other] : [one.other, one.device];
    const key = `${low} ${high} ${one.protocol} ${one.port}`;
    const before = joined.get(key);
    joined.set(key, before === undefined ? one : join(before, one));
  }
  return [...joined.values()];
}

/** Two flows between the same two ends; what they amount to does not depend on which is named first. */
function join(x: Flow, y: Flow): Flow {
  const [first, second] = isEarlier(x, y) ? [x, y] : [y, x];
  const turned = first.device !== second.device;
  return {
    ...first,
    // When turned, it is the device of the second one.
    otherIsDevice: first.otherIsDevice || second.otherIsDevice || turned,
    up: sum(first.up, turned ? second.down : second.up),
    down: sum(first.down, turned ? second.up : second.down),
    partial: first.partial || second.partial,
    offloaded: first.offloaded || second.offloaded,
    lastSeen: Math.max(first.lastSeen, second.lastSeen),
    entries: first.entries + second.entries,
    blocked: joinBlocked(first.blocked, second.blocked),
  };
}

function isEarlier(x: Flow, y: Flow): boolean {
  return x.firstSeen < y.firstSeen || (x.firstSeen === y.firstSeen && x.device <= y.device);
}

function joinBlocked(x: Blocked | undefined, y: Blocked | undefined): Blocked | undefined {
  if (x === undefined || y === undefined) return x ?? y;
  return {
    packets: x.packets + y.packets,
    bytes: x.bytes + y.bytes,
    lastSeen: Math.max(x.lastSeen, y.lastSeen),
  };
}

function smallest(id: NodeId, ids: Iterable<NodeId>): NodeId {
  let found = id;
  for (const other of ids) if (other < found) found = other;
  return found;
}
