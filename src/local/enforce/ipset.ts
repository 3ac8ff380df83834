import { TemporaryError } from '../../errors.ts';
import type { Exec } from '../exec.ts';
import { parseSizes } from './resync.ts';

/** 200,000 elements take 1 s on a fast machine. */
const TIMEOUT_MS = 60_000;

/** Runs lines through one `ipset restore`; what is there already counts as added, what is not there as removed. */
export async function restoreSets(exec: Exec, input: string, signal: AbortSignal): Promise<void> {
  await checked(exec, ['ipset', '-exist', 'restore'], signal, input);
}

/** The number of elements of every set of the machine. */
export async function listSizes(exec: Exec, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  return parseSizes(await checked(exec, ['ipset', 'list', '-t'], signal));
}

/** One set, or all of the machine, as `ipset save` prints them. */
export async function saveSets(exec: Exec, name: string | undefined, signal: AbortSignal): Promise<string> {
  return checked(exec, ['ipset', 'save', ...(name === undefined ? [] : [name])], signal);
}

async function checked(
  exec: Exec,
  argv: readonly string[],
  signal: AbortSignal,
  input?: string,
): Promise<string> {
  const { code, stdout, stderr } = await exec.run(argv, { input, timeoutMs: TIMEOUT_MS, signal });
  if (code !== 0) throw new TemporaryError(`${argv.join(' ')} failed: ${stderr.trim().slice(0, 300)}`);
  return stdout;
}
