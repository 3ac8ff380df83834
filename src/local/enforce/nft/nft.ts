import { TemporaryError } from '../../../errors.ts';
import type { Exec } from '../../exec.ts';
import { complaint } from '../complaint.ts';
import { nextOf, TABLE } from './names.ts';
import { removal } from './plan.ts';
import { type Found, parseListing } from './read.ts';

/** 200,000 elements take 1.7 s on a fast machine. */
const TIMEOUT_MS = 60_000;
/** Without elements a table is small: a tool that takes longer hangs, and it is better said than waited for. */
const TERSE_TIMEOUT_MS = 15_000;

/** Runs one transaction: all of it is in force afterwards, or nothing of it. */
export async function transact(exec: Exec, commands: readonly string[], signal: AbortSignal): Promise<void> {
  const input = `${commands.join('\n')}\n`;
  const finished = await exec.run(['nft', '-f', '-'], { input, timeoutMs: TIMEOUT_MS, signal });
  if (finished.code !== 0) throw complaint('nft -f', finished);
}

/**
 * Our table as JSON, undefined if there is none; with `terse` among all of its family and without the elements of sets.
 * (`nft -t list table` reads the elements all the same: 0.2 s for 20,000 of them, this takes 0.01 s.)
 */
export async function listTable(
  exec: Exec,
  terse: boolean,
  signal: AbortSignal,
  table = TABLE,
): Promise<string | undefined> {
  const [family = ''] = table.split(' ');
  const argv = terse ? ['-t', 'list', 'ruleset', family] : ['list', 'table', ...table.split(' ')];
  return listed(exec, ['nft', '-j', ...argv], signal, terse ? TERSE_TIMEOUT_MS : TIMEOUT_MS);
}

/** A set or map of ours as JSON, undefined if there is none. */
export async function listSet(
  exec: Exec,
  kind: 'set' | 'map',
  name: string,
  signal: AbortSignal,
  table = TABLE,
): Promise<string | undefined> {
  return listed(exec, ['nft', '-j', 'list', kind, ...table.split(' '), name], signal);
}

/** A table of a listing; undefined if it is not in it. Throws TemporaryError for what is no listing. */
export function foundIn(text: string | undefined, table: string): Found | undefined {
  const found = text === undefined ? undefined : readOrThrow(text, table);
  return found?.there ? found : undefined;
}

/** What a listing says of a table. Throws TemporaryError for what is no listing. */
export function readOrThrow(text: string, table: string): Found {
  const found = parseListing(text, table.split(' '));
  if (found === undefined) throw new TemporaryError('nft printed what is no listing');
  return found;
}

/** Takes our table away, and what may be left of a change; no table is no failure. True if there was one. */
export async function removeTable(exec: Exec, signal: AbortSignal, table = TABLE): Promise<boolean> {
  const text = await listTable(exec, true, signal, table);
  const there = (name: string): boolean =>
    text !== undefined && parseListing(text, name.split(' '))?.there === true;
  const tables = [table, nextOf(table)].filter(there);
  if (tables.length > 0)
    await transact(
      exec,
      tables.flatMap((name) => removal(name)),
      signal,
    );
  return tables.length > 0;
}

async function listed(
  exec: Exec,
  argv: readonly string[],
  signal: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<string | undefined> {
  const finished = await exec.run(argv, { timeoutMs, signal });
  if (finished.code === 0) return finished.stdout;
  // Not the words of a shell or a loader for which the tool itself is missing: a table that is not seen is not gone.
  if (finished.code === 1 && /^Error: (.*: )?No such file or directory/m.test(finished.stderr))
    return undefined;
  throw complaint('nft list', finished);
}
