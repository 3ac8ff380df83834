import { UsageError } from '../../errors.ts';
import type { RecordId } from '../../policy/block-set.ts';
import type { Op } from '../../policy/op.ts';
import type { OpId, Record } from '../../policy/records.ts';
import type { RouterAnswer } from '../author.ts';
import type { Parts } from '../parts.ts';
import { AUTOMATIC } from '../views/audit.ts';
import { labels, recordWords } from '../views/words.ts';
import type { ChangeRequest } from './change.ts';
import { type Inverse, Inverses, isMembership, type Revived } from './inverse.ts';
import { type Written, written } from './written.ts';

/** So many changes are looked through, newest first. */
export const MAX_LOOKED_THROUGH = 5_000;
/** So many records at most in one op: far below what an op may hold. */
const MAX_RECORDS = 100;
/** So many changes are undone at most by one command. */
export const MAX_UNDONE = 100;

export interface UndoRequest extends ChangeRequest {
  /** How many of the newest changes, 1 … {@link MAX_UNDONE}; without meaning when `id` is there. */
  readonly count: number;
  /** One change on any router, by the beginning of its id, whoever made it. */
  readonly id?: string | undefined;
  /** Changes of anybody on this router, not only of who asks. */
  readonly any: boolean;
}

/** The answer to `undo`. */
export interface UndoView extends Written {
  readonly undone: readonly {
    readonly id: OpId;
    readonly by: string;
    /** What comes back, in words. */
    readonly restored: readonly string[];
    /** What is taken away, in words. */
    readonly lifted: readonly string[];
  }[];
}

/**
 * Undoes the newest changes that a person made on this router, one op for each, newest first. Left out: what is undone
 * already, undos themselves, what routers did without being asked, what nothing is left of, and membership.
 * UsageError when there is nothing to undo.
 *
 * @param history the changes in the order in which they came to this router, newest first
 */
export async function undo(parts: Parts, request: UndoRequest, history: Iterable<Op>): Promise<UndoView> {
  const label = labels(parts.directory);
  const words = (record: Record) => recordWords(record, label);
  const moment = { now: parts.clock.now(), trusted: parts.clockTrust().trusted };
  const inverses = new Inverses(parts.replica, moment, words);
  const plan =
    request.id === undefined
      ? newest(parts, request, history, inverses)
      : [oneById(parts, request.id, history, inverses)];
  // Told before anything is written: afterwards what is taken away is not live any more.
  const undone = plan.map(({ op, over, add }) => ({
    id: op.id,
    by: op.by,
    restored: add.map(({ record }) => words(record)),
    lifted: over.map((each) => words(contentOf(parts, each))),
  }));
  const answers = request.dryRun ? [] : await write(parts, request, plan);
  const notes = plan.flatMap((inverse) => inverse.notes);
  return { ...written(parts, { dryRun: request.dryRun, answers, notes }), undone };
}

function newest(
  { replica, key }: Parts,
  request: UndoRequest,
  history: Iterable<Op>,
  inverses: Inverses,
): Inverse[] {
  const plan: Inverse[] = [];
  let read = 0;
  for (const op of history) {
    if (plan.length >= request.count || read >= MAX_LOOKED_THROUGH) break;
    read += 1;
    if (!replica.counts(op.id)) continue;
    inverses.note(op);
    const asked = op.peer === key.peer && op.by !== AUTOMATIC && (request.any || op.by === request.by);
    if (!asked || op.undoes !== undefined || inverses.isUndone(op) || op.add.some(isMembership)) continue;
    const inverse = inverses.plan(op);
    if (inverse !== undefined) plan.push(inverse);
  }
  if (plan.length === 0) {
    throw new UsageError(
      request.any ? 'nothing to undo on this router' : `nothing to undo by ${request.by} on this router`,
      {
        hint: 'hedgerow audit lists the changes; hedgerow undo <id> undoes one of them, --any those of others',
      },
    );
  }
  return plan;
}

function oneById({ replica }: Parts, id: string, history: Iterable<Op>, inverses: Inverses): Inverse {
  const found: Op[] = [];
  let read = 0;
  for (const op of history) {
    if (read >= MAX_LOOKED_THROUGH) break;
    read += 1;
    if (!replica.counts(op.id)) continue;
    if (op.id.startsWith(id)) found.push(op);
    // What undid it came here after it.
    if (found.length === 0) inverses.note(op);
  }
  const [op] = found;
  const hint = 'hedgerow audit lists the changes and their ids';
  if (op === undefined)
    throw new UsageError(`no change of the newest ${MAX_LOOKED_THROUGH} has the id ${id}`, { hint });
  if (found.length > 1)
    throw new UsageError(`${found.length} changes have ids that begin with ${id}`, { hint });
  if (op.add.some(isMembership))
    throw new UsageError('who belongs to the home cannot be undone', {
      hint: 'hedgerow home add admits a router; invite --withdraw ends invitations; an eviction is final',
    });
  if (inverses.isUndone(op)) throw new UsageError('this change is undone already', { hint });
  const inverse = inverses.plan(op);
  if (inverse === undefined)
    throw new UsageError('nothing of this change is left to undo', {
      hint: 'later changes have taken it back or replaced it: hedgerow audit',
    });
  return inverse;
}

/** One op for each inverse, several for a large one; the answers of the routers are to the last. */
async function write(parts: Parts, request: UndoRequest, plan: readonly Inverse[]): Promise<RouterAnswer[]> {
  const ids = new Map<Revived, RecordId>();
  const pieces = plan.flatMap(piecesOf);
  let answers: RouterAnswer[] = [];
  for (const [index, { op, over, add }] of pieces.entries()) {
    const change = {
      by: request.by,
      over: over.flatMap((each) => (typeof each === 'string' ? [each] : (ids.get(each) ?? []))),
      add: add.map(({ record }) => record),
      undoes: op.id,
    };
    const done = await parts.author.write(change, request.wait && index === pieces.length - 1);
    for (const [place, revived] of add.entries()) ids.set(revived, `${done.op.id}/${place}`);
    answers = done.answers;
  }
  return answers;
}

function piecesOf({ op, over, add }: Inverse): Pick<Inverse, 'op' | 'over' | 'add'>[] {
  const count = Math.ceil(Math.max(over.length, add.length) / MAX_RECORDS);
  return Array.from({ length: count }, (_, piece) => {
    const [from, to] = [piece * MAX_RECORDS, (piece + 1) * MAX_RECORDS];
    return { op, over: over.slice(from, to), add: add.slice(from, to) };
  });
}

function contentOf({ replica }: Parts, of: RecordId | Revived): Record {
  if (typeof of !== 'string') return of.record;
  return replica.live.get(of)?.record ?? { kind: 'unknown', tag: 0 };
}
