import type { Clock } from '../../clock.ts';
import { UnavailableError } from '../../errors.ts';
import type { Exec } from '../exec.ts';
import type { AddressReader } from './address-reader.ts';
import { type ConntrackEntry, parseConntrackLine } from './conntrack.ts';
import type { LastLines } from './last-lines.ts';
import { LineSplitter } from './lines.ts';

export type Family = 4 | 6;

/** One command that shows the entries of some families, at least. */
interface Reading {
  readonly argv: readonly string[];
  readonly families: ReadonlySet<Family>;
}

interface Reader {
  readonly name: string;
  /** Entries are called by the kernel's ids, as they are in events. */
  readonly hasIds: boolean;
  readonly readings: readonly Reading[];
}

/**
 * How the kernel's entries can be read. When no family is named older versions of conntrack list IPv4 alone, and newer ones
 * both: whoever has seen that need not start a second command.
 */
export const READERS: readonly [Reader, Reader] = [
  {
    name: 'conntrack',
    hasIds: true,
    readings: [
      { argv: ['conntrack', '-L', '-o', 'extended,id'], families: new Set([4]) },
      { argv: ['conntrack', '-L', '-o', 'extended,id', '-f', 'ipv6'], families: new Set([6]) },
    ],
  },
  {
    name: '/proc',
    hasIds: false,
    readings: [{ argv: ['cat', '/proc/net/nf_conntrack'], families: new Set([4, 6]) }],
  },
];

/** One reading of a full table takes a fraction of a second. */
const DEADLINE_MS = 20_000;

/** Who takes the entries of a reading. */
export interface EntryTaker {
  /** One entry; answers a number from 0 by which an equal line of the next reading can be told, −1 when it cannot. */
  note(entry: ConntrackEntry): number;
  /** The entry of that number is as it was in the last reading. False: it has to be told whole. */
  again(number: number): boolean;
}

/** What a command has shown. */
export interface ReadEntries {
  readonly 4: number;
  readonly 6: number;
  /** Lines that were no entries. */
  readonly ignored: number;
}

/**
 * Reads entries from a command, streamed. Throws UnavailableError when the command did not come to its end: then the reading
 * is not complete.
 */
export async function readEntries(
  { exec, clock, argv }: { exec: Exec; clock: Clock; argv: readonly string[] },
  signal: AbortSignal,
  addresses: AddressReader,
  last: LastLines,
  taker: EntryTaker,
): Promise<ReadEntries> {
  const found = { 4: 0, 6: 0, ignored: 0 };
  const lines = new LineSplitter((line) => {
    const before = last.find(line);
    if (before >= 0 && taker.again(before)) {
      last.remember(before);
      found[line.startsWith('ipv6') ? 6 : 4] += 1;
      return;
    }
    const entry = parseConntrackLine(line, addresses);
    if (entry === undefined) {
      found.ignored += 1;
      return;
    }
    found[entry.original.src.includes(':') ? 6 : 4] += 1;
    const number = taker.note(entry);
    if (number >= 0) last.remember(number);
  });
  const child = exec.open(argv, signal);
  const deadline = clock.after(DEADLINE_MS, () => child.kill());
  let complaint = '';
  child.stdin.end();
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(-500);
  });
  const { code, why } = await child.exited;
  deadline.clear();
  signal.throwIfAborted();
  if (code !== 0) throw new UnavailableError(`${argv[0]}: ${complaint.trim() || why}`);
  lines.end();
  return { ...found, ignored: found.ignored + lines.dropped };
}
