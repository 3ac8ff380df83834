/** What the kernel tells of processes: their memory, and their children (proc(5)). */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Memory in MB (10^6 bytes). */
export interface Memory {
  /** Resident, shared pages counted whole. */
  readonly rss: number;
  /** Resident and of nobody else: what ending the process would give back (USS). */
  readonly own: number;
}

/** The memory of a process. Throws when it is gone. */
export async function memoryOf(pid: number): Promise<Memory> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kb = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
  const mb = (value: number) => (value * 1024) / 1e6;
  return { rss: mb(kb('Rss')), own: mb(kb('Private_Clean') + kb('Private_Dirty')) };
}

/** A process that is there to stay, with its name. */
export interface Resident extends Memory {
  readonly name: string;
}

/** Longer than any command that an agent runs now and then. */
const PASSING_MS = 1000;

/** The children of a process, and theirs, without those that only pass by: listed twice, what is in both lists counts. */
export async function residentsUnder(pid: number, signal: AbortSignal): Promise<Resident[]> {
  const first = new Set(await descendantsOf(pid));
  await sleep(PASSING_MS, undefined, { signal });
  const still = (await descendantsOf(pid)).filter((one) => first.has(one));
  const found = await Promise.all(still.map((one) => unlessGone(resident(one))));
  return found.filter((one) => one !== undefined);
}

async function resident(pid: number): Promise<Resident> {
  const name = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
  return { name, ...(await memoryOf(pid)) };
}

async function descendantsOf(pid: number): Promise<number[]> {
  const listed = (await unlessGone(readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))) ?? '';
  const children = listed.split(' ').filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()];
}

/** A process may end while it is looked at. */
async function unlessGone<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
