import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { sealed, unsealed } from './damage.ts';

/** Its name says when it was begun: names sort in that order. */
export interface HourFile {
  readonly name: string;
  /** On disk, with what waits for it. */
  readonly bytes: number;
}

export interface HoursHealth {
  /** Why the newest write failed; undefined when it did not. */
  readonly problem: string | undefined;
  readonly waitingBytes: number;
  /** Records given up because too much waited. */
  readonly dropped: number;
  /** Files whose rest is not what was written; a power cut does that to the newest. Each is counted when it is read. */
  readonly damaged: number;
  /** Bytes written since the start. */
  readonly written: number;
}

/**
 * What is only ever added to, in files of records: each byte is written to the disk once, where a database would write it three
 * times and more. Whoever begins a file names it, and nobody adds to a file of an earlier run.
 */
export interface SeenHours {
  /** Adds a record to a file; written with the next flush, read at once. */
  append(name: string, record: Uint8Array): void;
  /** Every file, by name. Never rejects: of a folder that cannot be read there are only those that wait. */
  files(): Promise<HourFile[]>;
  /** The records of a file, up to the first that is not what was written. Never rejects. */
  records(name: string): Promise<Uint8Array[]>;
  /**
   * The file is gone at once; its room on disk is given back with the next flush.
   * @param after the file that takes its place: it has to be on disk, synced, before
   */
  remove(name: string, after?: string): void;
  /** Writes what waits, and does not sync it but for what takes the place of something. Rejects when it could not be written; it goes on waiting then. */
  flush(): Promise<void>;
  health(): HoursHealth;
}

/** So many bytes may wait; the oldest are given up for newer ones. */
const MAX_WAITING_BYTES = 4_000_000;
/** A file that is longer is not of ours. */
const MAX_FILE_BYTES = 64_000_000;
const LENGTH_BYTES = 4;
const NAME = /^[0-9a-f-]{1,60}$/;

/** Files in a folder of their own, which is made when there is something to write. Names are of hex digits and dashes. */
export function seenHoursIn(folder: string): SeenHours {
  return new Hours({
    list: async () => {
      const found: HourFile[] = [];
      for (const name of await readdir(folder)) {
        if (NAME.test(name)) found.push({ name, bytes: (await stat(join(folder, name))).size });
      }
      return found;
    },
    read: async (name) => {
      const { size } = await stat(join(folder, name));
      if (size > MAX_FILE_BYTES) throw new Error(`${name} is too long`);
      return await readFile(join(folder, name));
    },
    write: async (name, at, bytes, sync) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = await open(join(folder, name), at === 0 ? 'w' : 'r+', 0o600);
      try {
        let written = 0;
        while (written < bytes.length)
          written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
        // What an earlier try has left behind it.
        await file.truncate(at + bytes.length);
        if (sync) await file.sync();
      } finally {
        await file.close();
      }
    },
    remove: (name) => rm(join(folder, name), { force: true }),
  });
}

/** In memory, for tests and for a replay. Another one over the same content is the same files after a restart. */
export function memorySeenHours(content = new Map<string, Uint8Array>()): SeenHours {
  return new Hours({
    list: async () => Array.from(content, ([name, { length }]) => ({ name, bytes: length })),
    read: async (name) => content.get(name) ?? new Uint8Array(0),
    write: async (name, at, bytes) => {
      const before = (content.get(name) ?? new Uint8Array(0)).subarray(0, at);
      content.set(name, Buffer.concat([before, bytes]));
    },
    remove: async (name) => void content.delete(name),
  });
}

/** What a disk has to do. Each may reject. */
interface Disk {
  list(): Promise<HourFile[]>;
  read(name: string): Promise<Uint8Array>;
  /** Writes at a place of the file, which ends behind it then; 0 begins the file anew. */
  write(name: string, at: number, bytes: Uint8Array, sync: boolean): Promise<void>;
  remove(name: string): Promise<void>;
}

class Hours implements SeenHours {
  readonly #disk: Disk;
  /** Records in their frames, by file, the oldest file first. */
  readonly #waiting = new Map<string, Uint8Array[]>();
  /** With the file that takes its place. */
  readonly #removed = new Map<string, string | undefined>();
  /** How long the files of this run are up to the last record that was written whole. */
  readonly #whole = new Map<string, number>();
  #waitingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #problem: string | undefined;
  #dropped = 0;
  #damaged = 0;
  #written = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  append(name: string, record: Uint8Array): void {
    const framed = frame(record);
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.set(name, waiting);
    waiting.push(framed);
    this.#waitingBytes += framed.length;
    while (this.#waitingBytes > MAX_WAITING_BYTES) {
      const [oldest] = this.#waiting.values();
      const dropped = oldest?.shift();
      if (dropped === undefined) break;
      this.#waitingBytes -= dropped.length;
      this.#dropped += 1;
      for (const [file, records] of this.#waiting) if (records.length === 0) this.#waiting.delete(file);
    }
  }

  async files(): Promise<HourFile[]> {
    const bytes = new Map<string, number>();
    try {
      for (const file of await this.#disk.list()) bytes.set(file.name, file.bytes);
    } catch (error) {
      if (!isMissing(error)) this.#problem = messageOf(error);
    }
    for (const [name, records] of this.#waiting)
      bytes.set(name, (this.#whole.get(name) ?? 0) + lengthOf(records));
    for (const name of this.#removed.keys()) bytes.delete(name);
    return Array.from(bytes, ([name, size]) => ({ name, bytes: size })).sort((x, y) =>
      x.name < y.name ? -1 : 1,
    );
  }

  async records(name: string): Promise<Uint8Array[]> {
    if (this.#removed.has(name)) return [];
    // What is written meanwhile must not be read twice.
    const waiting = [...(this.#waiting.get(name) ?? [])];
    const whole = this.#whole.get(name) ?? (waiting.length > 0 ? 0 : undefined);
    const found: Uint8Array[] = [];
    if (whole !== 0) {
      try {
        const bytes = await this.#disk.read(name);
        if (!unframe(bytes.subarray(0, whole), found)) this.#damaged += 1;
      } catch (error) {
        if (!isMissing(error)) this.#damaged += 1;
      }
    }
    for (const framed of waiting) unframe(framed, found);
    return found;
  }

  remove(name: string, after?: string): void {
    this.#waitingBytes -= lengthOf(this.#waiting.get(name) ?? []);
    this.#waiting.delete(name);
    this.#removed.set(name, after);
  }

  async flush(): Promise<void> {
    const writing = this.#writing.then(() => this.#flush());
    this.#writing = writing.catch(() => undefined);
    await writing;
  }

  health(): HoursHealth {
    return {
      problem: this.#problem,
      waitingBytes: this.#waitingBytes,
      dropped: this.#dropped,
      damaged: this.#damaged,
      written: this.#written,
    };
  }

  async #flush(): Promise<void> {
    try {
      await this.#removeAll();
      const instead = new Set(this.#removed.values());
      for (const name of [...this.#waiting.keys()]) await this.#write(name, instead.has(name));
      await this.#removeAll();
      this.#problem = undefined;
    } catch (error) {
      this.#problem = messageOf(error);
      throw error;
    }
  }

  async #removeAll(): Promise<void> {
    for (const [name, after] of [...this.#removed]) {
      if (after !== undefined && this.#waiting.has(after)) continue;
      await this.#disk.remove(name);
      this.#removed.delete(name);
      this.#whole.delete(name);
    }
  }

  async #write(name: string, sync: boolean): Promise<void> {
    const records = [...(this.#waiting.get(name) ?? [])];
    const whole = this.#whole.get(name) ?? 0;
    await this.#disk.write(name, whole, Buffer.concat(records), sync);
    this.#whole.set(name, whole + lengthOf(records));
    this.#written += lengthOf(records);
    // Some may have been given up or removed meanwhile; those that came since go on waiting.
    const done = new Set(records);
    const left = (this.#waiting.get(name) ?? []).filter((record) => !done.has(record));
    this.#waitingBytes -= lengthOf(this.#waiting.get(name) ?? []) - lengthOf(left);
    if (left.length > 0) this.#waiting.set(name, left);
    else this.#waiting.delete(name);
  }
}

/** A record behind its length (u32, big-endian) and its CRC. */
function frame(record: Uint8Array): Uint8Array {
  const value = sealed(record);
  const framed = new Uint8Array(LENGTH_BYTES + value.length);
  new DataView(framed.buffer).setUint32(0, value.length);
  framed.set(value, LENGTH_BYTES);
  return framed;
}

/** Adds the records to `found`; false when the rest is not what was written. */
function unframe(bytes: Uint8Array, found: Uint8Array[]): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at < bytes.length) {
    if (at + LENGTH_BYTES > bytes.length) return false;
    const length = view.getUint32(at);
    at += LENGTH_BYTES;
    if (at + length > bytes.length) return false;
    try {
      found.push(unsealed(bytes.subarray(at, at + length)));
    } catch {
      return false;
    }
    at += length;
  }
  return true;
}

function lengthOf(records: readonly Uint8Array[]): number {
  return records.reduce((sum, { length }) => sum + length, 0);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
