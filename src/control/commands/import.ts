import { messageOf, UsageError } from '../../errors.ts';
import type { RecordId } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import type { Record } from '../../policy/records.ts';
import type { Entry } from '../book/entry.ts';
import { recordOf } from '../book/entry-of.ts';
import type { Parts } from '../parts.ts';
import { labels, recordWords } from '../views/words.ts';
import type { ChangeRequest } from './change.ts';
import { contentKey, isUndoable } from './inverse.ts';
import { keyOf } from './pair.ts';
import { type Written, written } from './written.ts';

/** The answer to a part of a book that was read in. */
export interface ImportView extends Written {
  /** What it adds, in words. */
  readonly added: readonly string[];
  /** The older names that it takes away, in words. */
  readonly retired: readonly string[];
  /** The live records that it found to say so already. */
  readonly there: readonly RecordId[];
  /** What stands for nothing here: nothing was changed then. */
  readonly problems: readonly { readonly index: number; readonly message: string }[];
}

/** Adds what a part of a book says and is not there yet, as one op. Nothing at all when a word of it stands for nothing. */
export async function importEntries(
  parts: Parts,
  request: ChangeRequest & { entries: readonly Entry[] },
): Promise<ImportView> {
  const { live, isThere } = index(parts);
  const add = new Map<string, Record>();
  const there: RecordId[] = [];
  const problems: { index: number; message: string }[] = [];
  const notes: string[] = [];
  const words = wording(parts);
  for (const [at, entry] of request.entries.entries()) {
    const record = resolved(parts, entry);
    if (typeof record === 'string') {
      problems.push({ index: at, message: record });
      continue;
    }
    const why = leftOut(parts, record);
    const key = contentKey(record);
    if (why !== undefined) notes.push(`${words(record)}: ${why}`);
    else if (isThere(key).length > 0) there.push(...isThere(key));
    else add.set(key, record);
  }
  const records = [...add.values()];
  // A name retires those that its author saw.
  const older = live.filter(({ record }) =>
    records.some(
      (newer) => newer.kind === 'name' && record.kind === 'name' && keyOf(newer.of) === keyOf(record.of),
    ),
  );
  const retired = older.map(({ record }) => words(record));
  const toWrite = !request.dryRun && problems.length === 0 && records.length > 0;
  const change = { by: request.by, over: older.map(({ id }) => id), add: records };
  const answers = toWrite ? (await parts.author.write(change, request.wait)).answers : [];
  return {
    ...written(parts, { dryRun: request.dryRun, answers, notes }),
    added: records.map(words),
    retired,
    there,
    problems,
  };
}

/** The answer to `import.retire`. */
export interface RetiredView extends Written {
  /** What is taken away, in words. */
  readonly retired: readonly string[];
}

/**
 * Takes away what a book does not hold, as one op. A block of a group that loses a member here is written anew, knowing of it:
 * otherwise it would go on covering the member. What is gone already, and membership, is passed over.
 */
export async function retireRecords(
  parts: Parts,
  request: ChangeRequest & { records: readonly RecordId[] },
): Promise<RetiredView> {
  const { replica, author } = parts;
  const old = request.records
    .flatMap((id) => replica.live.get(id) ?? [])
    .filter(({ record }) => isUndoable(record));
  const words = wording(parts);
  const retired = old.map(({ record }) => words(record));
  const { over, add } = withoutThem(parts, old);
  const answers =
    request.dryRun || old.length === 0
      ? []
      : (
          await author.write(
            { by: request.by, over: [...old.map(({ id }) => id), ...over.map(({ id }) => id)], add },
            request.wait,
          )
        ).answers;
  return { ...written(parts, { dryRun: request.dryRun, answers, notes: [] }), retired };
}

/** The blocks of groups that lose members, as they are and as they have to be. */
function withoutThem({ replica }: Parts, old: readonly Live[]): { over: Live[]; add: Record[] } {
  const retired = new Set(old.map(({ id }) => id));
  const leaving = new Map<string, RecordId[]>();
  for (const { id, record } of old)
    if (record.kind === 'in') leaving.set(record.group, [...(leaving.get(record.group) ?? []), id]);
  const over: Live[] = [];
  const add: Record[] = [];
  if (leaving.size === 0) return { over, add };
  for (const live of replica.live.values()) {
    const { record } = live;
    if (record.kind !== 'block' || retired.has(live.id)) continue;
    const apart = [record.a, record.b].flatMap((subject) =>
      subject.kind === 'group' ? (leaving.get(subject.group) ?? []) : [],
    );
    if (apart.length === 0) continue;
    over.push(live);
    add.push({ ...record, apart: [...new Set([...record.apart, ...apart])] });
  }
  return { over, add };
}

function wording(parts: Parts): (record: Record) => string {
  const label = labels(parts.directory);
  return (record) => recordWords(record, label);
}

/** What lives, and by what it says. */
function index({ replica }: Parts): { live: Live[]; isThere: (key: string) => readonly RecordId[] } {
  const live = [...replica.live.values()];
  const byContent = Map.groupBy(live, ({ record }) => contentKey(record));
  return { live, isThere: (key) => (byContent.get(key) ?? []).map(({ id }) => id) };
}

function resolved(parts: Parts, entry: Entry): Record | string {
  try {
    return recordOf(parts, entry);
  } catch (error) {
    if (error instanceof UsageError) return messageOf(error);
    throw error;
  }
}

/** Why a record is not taken over; undefined when it is. */
function leftOut(parts: Parts, record: Record): string | undefined {
  if (record.kind === 'name' && record.of.kind === 'router')
    return parts.replica.isMember(record.of.peer) ? undefined : 'this router is no member of this home';
  if (record.kind !== 'block' && record.kind !== 'allow') return undefined;
  const { until } = record.terms;
  const over = until !== undefined && parts.clockTrust().trusted && until <= parts.clock.now();
  return over ? 'its time is over' : undefined;
}
