import { DataError } from '../errors.ts';
import { PAGE_OPS } from '../policy/archive.ts';
import { type CheckOptions, type CheckProgress, type CheckReport, checkStore } from './check.ts';
import type { Database, Entry } from './database.ts';
import { KEYSPACE, opKey, pageKey, rangeOf } from './keyspaces.ts';

export interface RepairOptions extends CheckOptions {
  /** Whether a router that can be reached holds all that this one does: only then are damaged ops dropped here. */
  readonly heldElsewhere: () => boolean;
}

export interface RepairReport extends CheckReport {
  /** What was mended, in words. */
  readonly mended: readonly string[];
  /**
   * Ops are to be dropped, which is done before the next start reads them ({@link finishRepair}): the agent must begin
   * anew now. Until the others have handed them back it must leave its kernel as it is, as after a lost store.
   */
  readonly beginAnew: boolean;
}

/** From which op on all are dropped before the next start reads them. */
const PLAN_KEY = `${KEYSPACE.meta}!repair`;

/**
 * Checks, and mends what can be mended without losing anything. Pages, registers and notes that are damaged are dropped:
 * the next start makes the pages anew from the ops, our own registers are said again, those of others are told again.
 * Damaged ops, and all after them, are dropped when another router holds them, and synced again. Then the files are merged,
 * which reads and writes every block. Works on the open database of a running agent.
 *
 * `ok` is true when nothing is wrong any more; damaged ops of a router that is alone stay as they are, and are told.
 */
export async function* repairStore(
  database: Database,
  options: RepairOptions,
): AsyncGenerator<CheckProgress, RepairReport> {
  const found = yield* checkStore(database, options);
  const { damage } = found;
  const mended: string[] = [];
  const entries: Entry[] = damage.others.map((key) => ({ type: 'del', key }));
  if (entries.length > 0) mended.push(`${entries.length} pages, registers or notes are made anew`);
  const [first] = damage.ops;
  const drop = first !== undefined && options.heldElsewhere();
  if (drop) {
    entries.push({ type: 'put', key: PLAN_KEY, value: new TextEncoder().encode(String(first)) });
    mended.push(`the ops from ${first} on are dropped here and synced again`);
  }
  if (entries.length > 0) await database.batch(entries, { sync: true });
  if (first === undefined && database.compact !== undefined) {
    await database.compact();
    mended.push('the files are merged');
  }
  const unmended = first !== undefined && !drop;
  const wrong = unmended
    ? [...found.wrong, 'no router that can be reached holds all of it: nothing of this was dropped']
    : found.wrong;
  const told = damage.ops.length + damage.others.length;
  return { ...found, wrong, ok: !unmended && found.wrong.length <= told, mended, beginAnew: drop };
}

/**
 * Ends a repair that drops ops; to be called between opening the database and `Store.load()`. True when something was
 * dropped. DataError when the plan cannot be read.
 */
export async function finishRepair(database: Database, pageOps = PAGE_OPS): Promise<boolean> {
  const plan = await database.get(PLAN_KEY);
  if (plan === undefined) return false;
  const first = Number(new TextDecoder().decode(plan));
  if (!Number.isInteger(first) || first < 0) {
    throw new DataError('the store is damaged: its plan of a repair cannot be read', {
      hint: 'move the folder away and start again: the other routers hand back everything',
    });
  }
  const entries: Entry[] = [{ type: 'del', key: PLAN_KEY }];
  for (const range of [
    { ...rangeOf(KEYSPACE.ops), gte: opKey(first) },
    { ...rangeOf(KEYSPACE.pages), gte: pageKey(Math.floor(first / pageOps)) },
  ]) {
    for await (const [key] of database.iterator(range)) entries.push({ type: 'del', key });
  }
  await database.batch(entries, { sync: true });
  return true;
}
