import type { NodeId, RecordId } from './block-set.ts';
import type { Crypto } from './crypto.ts';
import { domainNodeId, type HomeId } from './identity.ts';
import type { Record, Subject } from './records.ts';

/**
 * The persistent nodes: those that a live record refers to, by id or by domain. They are never aged out, and their
 * descriptors are told to the other routers.
 */
export function referencedNodes(
  crypto: Crypto,
  home: HomeId,
  live: Iterable<{ readonly id: RecordId; readonly record: Record }>,
): Set<NodeId> {
  const nodes = new Set<NodeId>();
  for (const { record } of live) {
    for (const subject of subjectsOf(record)) {
      if (subject.kind === 'device' || subject.kind === 'remote') nodes.add(subject.id);
      else if (subject.kind === 'domain') nodes.add(domainNodeId(crypto, home, subject.domain));
    }
  }
  return nodes;
}

/** The subjects that a record refers to. */
export function subjectsOf(record: Record): readonly Subject[] {
  switch (record.kind) {
    case 'block':
    case 'allow':
      return [record.a, record.b];
    case 'ignore':
    case 'in':
      return [record.node];
    case 'name':
      return [record.of];
    default:
      return [];
  }
}
