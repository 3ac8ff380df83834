import { UnavailableError } from '../../errors.ts';
import type { Family } from '../../policy/address.ts';
import type { Exec } from '../exec.ts';
import { complaint } from './complaint.ts';
import { parseElements, parseMade, parseSizes } from './resync.ts';

/** 200,000 elements take 1 s on a fast machine. */
const TIMEOUT_MS = 60_000;
/** Headers alone, which are few: one that takes longer hangs, and it is better said than waited for. */
const SIZES_TIMEOUT_MS = 15_000;

/** From so many characters on (3,000 elements) a second process costs less than it saves. */
const MANY = 100_000;
/**
 * glibc looks whether /etc/resolv.conf has changed before it reads an address, each of them: half of the tool's time
 * (resolv.conf(5), `no-reload`). Other libraries do not know the variable.
 */
const QUICK = ['env', 'RES_OPTIONS=no-reload'];
/** Of a shell and of env(1): there is no such command. */
const NOT_FOUND = 127;

/** Runs lines through `ipset restore`; what is there already counts as added, what is not there as removed. */
export async function restoreSets(exec: Exec, lines: readonly string[], signal: AbortSignal): Promise<void> {
  const inputs: Record<Family, string[]> = { 4: [], 6: [] };
  for (const line of lines) inputs[familyIn(line)].push(line, '\n');
  await restoreInputs(exec, [inputs[4].join(''), inputs[6].join('')], signal);
}

/**
 * The same for inputs that have nothing to do with each other, as those of the two families: all at once if they are
 * large. When one fails, all have ended before it is told: what comes next must not be overtaken.
 */
export async function restoreInputs(
  exec: Exec,
  inputs: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const many = inputs.reduce((sum, { length }) => sum + length, 0) > MANY;
  const [prefix, apart] = many ? [QUICK, inputs.filter((one) => one !== '')] : [[], [inputs.join('')]];
  const argv = [...prefix, 'ipset', '-exist', 'restore'];
  const runs = await Promise.allSettled(
    apart.map(async (input) => {
      const finished = await exec.run(argv, { input, timeoutMs: TIMEOUT_MS, signal });
      if (many && finished.code === NOT_FOUND) throw new UnavailableError('ipset is not installed');
      if (finished.code !== 0) throw complaint('ipset -exist restore', finished);
    }),
  );
  for (const run of runs) if (run.status === 'rejected') throw run.reason;
}

/** By the last letter of the set's name, as `add hedge-R-4 203.0.113.7` has it; of others it does not matter. */
function familyIn(line: string): Family {
  const name = line.indexOf(' ') + 1;
  const end = line.indexOf(' ', name);
  return line[(end < 0 ? line.length : end) - 1] === '6' ? 6 : 4;
}

/** The number of elements of every set of the machine. */
export async function listSizes(exec: Exec, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  return parseSizes(await checked(exec, ['ipset', 'list', '-t'], signal, SIZES_TIMEOUT_MS));
}

/** The same, and how each of them was made: what stands behind its name in the command that makes it. */
export async function listSets(
  exec: Exec,
  signal: AbortSignal,
): Promise<{ readonly sizes: ReadonlyMap<string, number>; readonly made: ReadonlyMap<string, string> }> {
  const text = await checked(exec, ['ipset', 'list', '-t'], signal, SIZES_TIMEOUT_MS);
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
  timeoutMs = TIMEOUT_MS,
): Promise<string> {
  const { code, stdout, stderr } = await exec.run(argv, { timeoutMs, signal });
  if (code !== 0) throw complaint(argv.join(' '), { code, stderr });
  return stdout;
}
