import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { messageOf } from '../errors.ts';
import { readFileIfThere } from './files.ts';

/** The beginning of a file that is known to be on the disk. */
export interface Known {
  readonly size: number;
  readonly sum: number;
}

const FILE = 'WITNESS';
const LINE = /^([\w.-]+) (\d{1,15}) ([0-9a-f]{8})$/;
const LOG = /^\d+\.log$/;
const MANIFEST = /^MANIFEST-\d+$/;
const TABLE = /^\d+\.(ldb|sst)$/;

/**
 * What the files of a LevelDB folder held when they were last synced, in a file beside them. LevelDB takes a log that ends
 * early for the trace of a power cut and a manifest that ends early for an older one; it checks neither blocks nor
 * keys when it reads them. Its files only ever grow or vanish: what was known of one must be its beginning for ever.
 *
 * The file is written in place and not synced: a process that dies leaves it whole, and after a power cut it is older
 * than what it speaks of or unreadable, and then proves less, but nothing false.
 */
export class Witness {
  readonly #folder: string;
  readonly #known: Map<string, Known>;
  #lastError: string | undefined;

  /** @param known what {@link testimony} has found to be so: it is not read again */
  constructor(folder: string, known: ReadonlyMap<string, Known> = new Map()) {
    this.#folder = folder;
    this.#known = new Map(known);
  }

  /** Why it could not be written the last time; undefined when it could. Nothing depends on it. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Notes the newest log and the manifest; call it when a synced write has ended and before the next one begins. */
  noteLog(): void {
    this.#note((name) => LOG.test(name) || MANIFEST.test(name));
  }

  /** Notes every file; call it while LevelDB writes no table: right after it was opened or closed. */
  noteAll(): void {
    this.#note(() => true);
  }

  /** Syncs the log, which LevelDB does not do when it closes, and notes every file. */
  noteClosed(): void {
    const log = newest(filesOf(this.#folder));
    if (log !== undefined) syncFile(join(this.#folder, log));
    this.noteAll();
  }

  #note(wanted: (name: string) => boolean): void {
    try {
      const names = filesOf(this.#folder);
      for (const name of this.#known.keys()) if (!names.includes(name)) this.#known.delete(name);
      const log = newest(names);
      for (const name of names) {
        // An older log is being turned into a table: what was synced of it is known.
        if (wanted(name) && (!LOG.test(name) || name === log)) this.#grow(name);
      }
      writeInPlace(join(this.#folder, FILE), encode(this.#known));
      this.#lastError = undefined;
    } catch (error) {
      // An older witness is as true as before.
      this.#lastError = messageOf(error);
    }
  }

  #grow(name: string): void {
    const path = join(this.#folder, name);
    const known = this.#known.get(name) ?? { size: 0, sum: 0 };
    const { size } = statSync(path);
    if (size > known.size) {
      const added = readFrom(path, known.size, size - known.size);
      this.#known.set(name, { size: known.size + added.length, sum: crc32(added, known.sum) });
    } else if (size === 0) this.#known.set(name, known);
  }
}

/**
 * What the witness of a folder knows of the files that are there, when it is so; or how they differ from it. Nothing is
 * known when there is no witness that can be read.
 */
export function testimony(
  folder: string,
): { readonly known: ReadonlyMap<string, Known> } | { readonly why: string } {
  const known = decode(readFileIfThere(join(folder, FILE))?.toString('latin1') ?? '');
  if (known === undefined) return { known: new Map() };
  const names = filesOf(folder);
  const log = newest([...known.keys()]);
  if (log !== undefined && number(newest(names)) < number(log)) return { why: `its log ${log} is missing` };
  for (const [name, { size, sum }] of known) {
    const bytes = readFileIfThere(join(folder, name));
    // Turned into others since, or LevelDB misses it itself.
    if (bytes === undefined) known.delete(name);
    else if (bytes.length < size) return { why: `its file ${name} has lost its end` };
    else if (crc32(bytes.subarray(0, size)) !== sum)
      return { why: `its file ${name} is not what was written` };
  }
  return { known };
}

/** Takes the witness away: the database was opened and begins to rewrite its folder. */
export function dismiss(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

function encode(known: ReadonlyMap<string, Known>): string {
  const lines = [...known].map(([name, { size, sum }]) => `${name} ${size} ${hex(sum)}\n`).join('');
  return `${lines}= ${hex(crc32(lines))}\n`;
}

/** Undefined for anything that is not whole. Never throws. */
function decode(text: string): Map<string, Known> | undefined {
  const end = text.lastIndexOf('= ');
  const lines = text.slice(0, Math.max(0, end));
  if (end < 0 || text.slice(end) !== `= ${hex(crc32(lines))}\n`) return undefined;
  const known = new Map<string, Known>();
  for (const line of lines.split('\n')) {
    const [, name, size, sum] = LINE.exec(line) ?? [];
    if (name !== undefined) known.set(name, { size: Number(size), sum: Number.parseInt(sum ?? '', 16) });
  }
  return known;
}

/** LevelDB's own files that only grow. */
function filesOf(folder: string): string[] {
  return readdirSync(folder).filter((name) => LOG.test(name) || MANIFEST.test(name) || TABLE.test(name));
}

function newest(names: readonly string[]): string | undefined {
  const logs = names.filter((name) => LOG.test(name));
  return logs.sort((x, y) => number(x) - number(y)).at(-1);
}

function number(log: string | undefined): number {
  return Number.parseInt(log ?? '-1', 10);
}

function readFrom(path: string, at: number, length: number): Uint8Array {
  if (at === 0) return readFileSync(path).subarray(0, length);
  const bytes = new Uint8Array(length);
  const file = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, length, at));
  } finally {
    closeSync(file);
  }
}

function writeInPlace(path: string, text: string): void {
  const file = openSync(path, openFlags(path), 0o600);
  try {
    ftruncateSync(file, writeSync(file, text, 0));
  } finally {
    closeSync(file);
  }
}

function openFlags(path: string): 'r+' | 'w' {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? 'w' : 'r+';
}

function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
