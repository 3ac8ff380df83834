import type { NodeId, RecordId } from './block-set.ts';
import type { Edges } from './classes.ts';
import type { Record, Subject } from './records.ts';

/** What the policy refers to: the persistent nodes by id, and patterns whose matches are persistent too. */
export interface References {
  readonly ids: Set<NodeId>;
  readonly suffixes: Set<string>;
}

/**
 * What live records refer to, by id, by domain or by pattern, and the ends of edges, over which blocks reach further. What
 * is referred to is never aged out, and its descriptors are told to the other routers.
 */
export function referencesOf(
  live: Iterable<{ readonly id: RecordId; readonly record: Record }>,
  edges: Edges,
  idOfDomain: (domain: string) => NodeId,
): References {
  const references: References = { ids: new Set(), suffixes: new Set() };
  for (const { record } of live) {
    for (const subject of subjectsOf(record)) {
      if (subject.kind === 'device' || subject.kind === 'remote') references.ids.add(subject.id);
      else if (subject.kind === 'domain') references.ids.add(idOfDomain(subject.domain));
      else if (subject.kind === 'pattern') references.suffixes.add(subject.suffix);
    }
  }
  for (const { record } of edges.values()) {
    if (record.kind !== 'in') references.ids.add(record.x).add(record.y);
  }
  return references;
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
