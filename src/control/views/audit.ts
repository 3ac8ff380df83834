import { sharedInvitations } from '../../policy/invitations.ts';
import type { Op } from '../../policy/op.ts';
import type { OpId, Record, Subject } from '../../policy/records.ts';
import { subjectsOf } from '../../policy/references.ts';
import { isoTime } from '../book/terms.ts';
import { keyOf } from '../commands/pair.ts';
import type { Parts } from '../parts.ts';
import { type Label, labels, recordWords } from './words.ts';

/** So many changes at most in one answer. */
export const MAX_ENTRIES = 1_000;
/** So many changes at most are read for one answer; where more remain, `next` tells where to go on. */
export const MAX_READ = 2_000;

/** The author of what a router did without being asked, such as retiring what had ended. */
export const AUTOMATIC = 'clock';

export interface AuditRequest {
  /** How many changes at most, 1 … {@link MAX_ENTRIES}. */
  readonly last: number;
  /** Only those of this person or door. */
  readonly by?: string | undefined;
  /** Only those about what this text stands for, or about the policy whose id begins so. */
  readonly about?: string | undefined;
  /** Only those not older than this, seconds by their authors' clocks. */
  readonly since?: number | undefined;
  /** Leave out what routers did without being asked. */
  readonly people: boolean;
  /** Go on after this change, as `next` of the answer before said. */
  readonly before?: OpId | undefined;
}

/** A change in words. */
export interface ToldChange {
  readonly id: OpId;
  /** The author's wall clock, ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly router: string;
  /** What it made. */
  readonly made: readonly string[];
  /** What it retired. */
  readonly replaced: readonly string[];
}

/** One change, as a person is shown it. */
export interface AuditEntry extends ToldChange {
  /** Whether the author trusted that clock. */
  readonly trusted: boolean;
  readonly automatic: boolean;
  readonly peer: string;
  /** The change whose inverse this is. */
  readonly undoes: OpId | undefined;
  /** The change that undid this one. For changes after a cursor only as far as it can be told. */
  readonly undoneBy: OpId | undefined;
  /** False when it counts no more: its author was evicted. */
  readonly counts: boolean;
  /** Its author's history has forked: two copies of one router have been writing. */
  readonly forked: boolean;
  /** It admitted a router by an invitation that admitted another member as well. */
  readonly sharedInvitation: boolean;
}

export interface AuditView {
  readonly entries: readonly AuditEntry[];
  /** Where to go on (`before`); undefined at the end of the history. */
  readonly next: OpId | undefined;
}

/**
 * Who changed what, newest first. Bounded: it reads {@link MAX_READ} changes at most, one by one and no further than
 * needed.
 *
 * @param history the changes in the order in which they came to this router, newest first: those before `before`, one more
 *   than are read
 */
export function auditView(parts: Parts, request: AuditRequest, history: Iterable<Op>): AuditView {
  const about = request.about === undefined ? undefined : aboutOf(parts, request.about);
  const oldest = request.since === undefined ? undefined : parts.clock.now() - request.since * 1000;
  const show = shower(parts, request.before === undefined);
  const entries: AuditEntry[] = [];
  let read = 0;
  let last: OpId | undefined;
  for (const op of history) {
    // One further is here: there is something to go on with.
    if (entries.length >= request.last || read >= MAX_READ) return { entries, next: last };
    read += 1;
    last = op.id;
    show.note(op);
    if (request.by !== undefined && op.by !== request.by) continue;
    if (request.people && op.by === AUTOMATIC) continue;
    // Clocks differ between routers: an older one may come before a newer one.
    if (oldest !== undefined && op.at < oldest) continue;
    if (about !== undefined && !about(op, recordsOver(parts, op))) continue;
    entries.push(show.entry(op));
  }
  return { entries, next: undefined };
}

export function toldChange(parts: Parts, op: Op, label: Label): ToldChange {
  const words = (records: readonly Record[]) => records.map((record) => recordWords(record, label));
  return {
    id: op.id,
    at: isoTime(op.at),
    by: op.by,
    router: parts.directory.routerName(op.peer),
    made: words(op.add),
    replaced: words(recordsOver(parts, op)),
  };
}

/** The contents of the records that an op retires; those that are not here are left out. */
export function recordsOver(parts: Parts, op: Op): Record[] {
  return op.over.flatMap((id) => {
    const [of = '', index] = id.split('/');
    const record = parts.replica.op(of)?.add[Number(index)];
    return record === undefined ? [] : [record];
  });
}

/** @param all every undo of what is shown is told to `note` before: those of older changes have to be looked for */
function shower(parts: Parts, all: boolean): { note(op: Op): void; entry(op: Op): AuditEntry } {
  const { replica, directory } = parts;
  const label: Label = labels(directory);
  const undone = new Map<OpId, OpId>();
  const forked = new Map<string, boolean>();
  const isForked = (peer: string): boolean => {
    const known = forked.get(peer) ?? replica.heads([peer]).some(({ heads }) => heads.length > 1);
    forked.set(peer, known);
    return known;
  };
  let members: ReadonlySet<string> | undefined;
  const shared = () => (members ??= sharedInvitations(replica));
  return {
    note(op) {
      if (op.undoes !== undefined && replica.counts(op.id)) undone.set(op.undoes, op.id);
    },
    entry: (op) => ({
      ...toldChange(parts, op, label),
      trusted: op.trusted,
      automatic: op.by === AUTOMATIC,
      peer: op.peer,
      undoes: op.undoes,
      undoneBy: undone.get(op.id) ?? (all ? undefined : undoerOf(parts, op)),
      counts: replica.counts(op.id),
      forked: isForked(op.peer),
      sharedInvitation: op.add.some((record) => record.kind === 'admit' && shared().has(record.peer)),
    }),
  };
}

/** The op that undid this one, told by what retired its records. */
export function undoerOf({ replica }: Parts, op: Op): OpId | undefined {
  for (const index of op.add.keys()) {
    const id = `${op.id}/${index}`;
    const by = replica.live.has(id) ? undefined : replica.retiredBy(id);
    if (by !== undefined && replica.op(by)?.undoes === op.id) return by;
  }
  return undefined;
}

/**
 * Whether an op is about what a text stands for: a subject, a group that there may be no more, a name that was given, the
 * beginning of the id of a change or of a policy.
 */
function aboutOf(parts: Parts, text: string): (op: Op, over: readonly Record[]) => boolean {
  const group = text.replace(/^group:/, '').toLowerCase();
  const subjects = new Set(
    parts.directory.find(text).flatMap(({ subject }) => sameNodes(parts, subject).map(keyOf)),
  );
  const id = /^[0-9a-f]{6,64}(\/\d+)?$/.test(text) ? (text.split('/')[0] ?? text) : undefined;
  const isAbout = (record: Record): boolean =>
    (record.kind === 'name' && record.text.toLowerCase() === text.toLowerCase()) ||
    mentioned(record).some(
      (subject) =>
        subjects.has(keyOf(subject)) || (subject.kind === 'group' && subject.group.toLowerCase() === group),
    );
  return (op, over) =>
    (id !== undefined && [op.id, op.undoes ?? '', ...op.over].some((each) => each.startsWith(id))) ||
    [...op.add, ...over].some(isAbout);
}

/** Every id of the same node: what was written under any of them is about it. */
function sameNodes(parts: Parts, subject: Subject): Subject[] {
  if (subject.kind !== 'device' && subject.kind !== 'remote') return [subject];
  const ids = new Set([subject.id, ...parts.classOf(subject.id)]);
  return [...ids].flatMap((id): Subject[] => [
    { kind: 'device', id },
    { kind: 'remote', id },
  ]);
}

/** The subjects that a record speaks of, those that do not make a node persistent as well. */
function mentioned(record: Record): readonly Subject[] {
  switch (record.kind) {
    case 'same':
    case 'distinct':
      return [record.x, record.y].flatMap((id): Subject[] => [
        { kind: 'device', id },
        { kind: 'remote', id },
      ]);
    case 'in':
      return [record.node, { kind: 'group', group: record.group }];
    case 'admit':
    case 'evict':
      return [{ kind: 'router', peer: record.peer }];
    default:
      return subjectsOf(record);
  }
}
