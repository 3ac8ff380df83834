import type { NodeId, RecordId } from './block-set.ts';
import type { Classes } from './classes.ts';
import type { BlockRecord, Record, Subject } from './records.ts';

/** What takes the place of blocks that are lifted for some of the nodes they cover. */
export interface Lift {
  readonly over: readonly RecordId[];
  readonly add: readonly Record[];
}

/** What a person wants a block lifted for: the nodes meant on each side. Undefined: whatever that side covers. */
export interface Asked {
  readonly a: ReadonlySet<NodeId> | undefined;
  readonly b: ReadonlySet<NodeId> | undefined;
}

/**
 * Lifts a block for the nodes that a person means, as they are shown now, and for no others: a block made before a split
 * covers both halves, and goes on for the one that nobody asked about ("unblock = over, and add for what was not asked
 * for", policy.md).
 */
export function lift(
  { id, record }: { readonly id: RecordId; readonly record: BlockRecord },
  asked: Asked,
  classes: Classes,
  idOfDomain: (domain: string) => NodeId,
): Lift {
  const parts = (subject: Subject, meant: ReadonlySet<NodeId> | undefined) =>
    meant === undefined
      ? { meant: subject, rest: [] }
      : partsOf(subject, meant, record.apart, classes, idOfDomain);
  const a = parts(record.a, asked.a);
  const b = parts(record.b, asked.b);
  const add = [
    ...a.rest.map((rest) => narrowed(record, { a: rest }, classes, idOfDomain)),
    ...b.rest.map((rest) =>
      narrowed(record, asked.a === undefined ? { b: rest } : { a: a.meant, b: rest }, classes, idOfDomain),
    ),
  ];
  return { over: [id], add };
}

/** The node that a subject names; undefined for subjects that are not one node. */
export function nodeOf(subject: Subject, idOfDomain: (domain: string) => NodeId): NodeId | undefined {
  if (subject.kind === 'device' || subject.kind === 'remote') return subject.id;
  return subject.kind === 'domain' ? idOfDomain(subject.domain) : undefined;
}

/** A subject in two: what is meant of it, and one subject for each other class, as it is shown now, that it covers. */
function partsOf(
  subject: Subject,
  asked: ReadonlySet<NodeId>,
  apart: readonly RecordId[],
  classes: Classes,
  idOfDomain: (domain: string) => NodeId,
): { meant: Subject; rest: Subject[] } {
  const own = nodeOf(subject, idOfDomain);
  if (own === undefined) return { meant: subject, rest: [] };
  const as = (id: NodeId): Subject =>
    id === own ? subject : { kind: subject.kind === 'device' ? 'device' : 'remote', id };
  const covered = [own, ...classes.covered(own, apart)];
  const meant = covered.find((node) => asked.has(node)) ?? own;
  const rest: Subject[] = [];
  const done = new Set(asked);
  for (const node of covered) {
    if (done.has(node)) continue;
    rest.push(as(node));
    for (const one of classes.shown(node)) done.add(one);
  }
  return { meant: as(meant), rest };
}

/** The block with other sides, which know what is taken apart around them; a side that stays covers what it did. */
function narrowed(
  record: BlockRecord,
  sides: { readonly a?: Subject; readonly b?: Subject },
  classes: Classes,
  idOfDomain: (domain: string) => NodeId,
): Record {
  const around = Object.values(sides).flatMap((side) => {
    const node = nodeOf(side, idOfDomain);
    return node === undefined ? [] : classes.apartAround(node);
  });
  return { ...record, ...sides, apart: [...new Set([...record.apart, ...around])] };
}
