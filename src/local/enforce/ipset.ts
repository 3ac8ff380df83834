import type { Exec } from '../exec.ts';
import { complaint } from './complaint.ts';
import { parseElements, parseMade, parseSizes } from './resync.ts';

/** 200,000 elements take 1 s on a fast machine. */
const TIMEOUT_MS = 60_000;
/** Headers alone, which are few: one that takes longer hangs, and it is better said than waited for. */
const SIZES_TIMEOUT_MS = 15_000;

/** Runs lines through one `ipset restore`; what is there already counts as added, what is not there as removed. */
export async function restoreSets(exec: Exec, input: string, signal: AbortSignal): Promise<void> {
  await checked(exec, ['ipset', '-exist', 'restore'], signal, input);
}

/** The number of elements of every set of the machine. */
export async function listSizes(exec: Exec, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  return parseSizes(await checked(exec, ['ipset', 'list', '-t'], signal, undefined, SIZES_TIMEOUT_MS));
}

/** The same, and how each of them was made: what stands behind its name in the command that makes it. */
export async function listSets(
  exec: Exec,
  signal: AbortSignal,
): Promise<{ readonly sizes: ReadonlyMap<string, number>; readonly made: ReadonlyMap<string, string> }> {
  const text = await checked(exec, ['ipset', 'list', '-t'], signal, undefined, SIZES_TIMEOUT_MS);
  return { sizes: parseSizes(text), made: parseMade(text) };
}

/** One set, or all of the machine, as `ipset save` prints them. */
export async function saveSets(exec: Exec, name: string | undefined, signal: AbortSignal): Promise<string> {
  return checked(exec, ['ipset', 'save', ...(name === undefined ? [] : [name])], signal);
}

/** The elements of these sets, as the kernel prints them (ipset(8), interactive mode). One of them missing is a failure. */
export async function listElements(
  exec: Exec,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  if (names.length === 0) return new Map();
  const input = `${names.map((name) => `save ${name}`).join('\n')}\n`;
  const { code, stdout, stderr } = await exec.run(['ipset', '-'], { input, timeoutMs: TIMEOUT_MS, signal });
  if (code !== 0 || stderr.trim() !== '') throw complaint('ipset - (save)', { code, stderr });
  return parseElements(stdout);
}

async function checked(
  exec: Exec,
  argv: readonly string[],
  signal: AbortSignal,
  input?: string,
  timeoutMs = TIMEOUT_MS,
): Promise<string> {
  const { code, stdout, stderr } = await exec.run(argv, { input, timeoutMs, signal });
  if (code !== 0) throw complaint(argv.join(' '), { code, stderr });
  return stdout;
}
