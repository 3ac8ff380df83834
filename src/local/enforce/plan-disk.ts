import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PlanChange } from './plan-change.ts';
import {
  type ChangesHead,
  checksumOf,
  decodeChangesHead,
  encodeChange,
  encodeChangesHead,
} from './plan-format.ts';

/** The two files of changes beside a plan file: one is in use, the next plan begins the other. */
export function changesPaths(path: string): readonly [string, string] {
  return [`${path}.changes.0`, `${path}.changes.1`];
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** A whole plan on the disk, not yet in the place of the one before. */
export interface WholePlan {
  readonly path: string;
  readonly checksum: string;
  readonly bytes: number;
  /** By which it is known again. */
  readonly inode: number;
}

/** Writes the text of a plan beside the plan file, synced. */
export async function writeWhole(path: string, text: string): Promise<WholePlan> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    const { ino, size } = await file.stat();
    return { path, checksum: checksumOf(text) ?? '', bytes: size, inode: ino };
  } finally {
    await file.close();
  }
}

/** A file of changes that is added to, each with one write and one sync. */
export class ChangesFile {
  readonly #file: FileHandle;
  readonly #whole: WholePlan;
  /** How much of it is good: what a write has left that failed is written over. */
  #length: number;
  #sum: string;
  #count = 0;

  private constructor(file: FileHandle, whole: WholePlan, head: string) {
    this.#file = file;
    this.#whole = whole;
    this.#length = head.length;
    this.#sum = head;
  }

  /**
   * Begins the file of a whole plan, perhaps with a change already, and puts the plan in its place: from one moment to the next
   * both count, and neither the plan before nor its changes. The old file or the new one, never a part of one, also after a power cut.
   */
  static async begin(whole: WholePlan, change: PlanChange | undefined): Promise<ChangesFile> {
    const [heads, inUse] = await Promise.all([headsOf(whole.path), checksumAt(whole.path)]);
    const newest = (which: (head: ChangesHead) => boolean): number =>
      Math.max(0, ...heads.map((head) => (head !== undefined && which(head) ? head.generation : 0)));
    const generation = 1 + newest(() => true);
    const counts = newest(({ plan }) => plan === inUse);
    const at = counts > 0 && heads[0]?.generation === counts ? 1 : 0;
    const head = encodeChangesHead({ plan: whole.checksum, generation });
    const file = await open(changesPaths(whole.path)[at], 'w', 0o600);
    try {
      const begun = new ChangesFile(file, whole, head);
      await file.write(head, 0);
      await (change === undefined ? file.datasync() : begun.add(change));
      await rename(`${whole.path}.new`, whole.path);
      const directory = await open(dirname(whole.path), 'r');
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
      return begun;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Changes that were added. */
  get count(): number {
    return this.#count;
  }

  /** Bytes, and those of its plan. */
  get size(): { readonly changes: number; readonly plan: number } {
    return { changes: this.#length, plan: this.#whole.bytes };
  }

  /** Adds a change; resolves once it is on the disk. */
  async add(change: PlanChange): Promise<void> {
    const { line, sum } = encodeChange(this.#sum, change);
    const bytes = Buffer.from(line);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#length + done);
      done += bytesWritten;
    }
    await this.#file.datasync();
    this.#length += bytes.length;
    this.#sum = sum;
    this.#count += 1;
  }

  /** Whether the plan and this file are still where they were put: a person may have moved them away. */
  async isThere(): Promise<boolean> {
    const [plan, own] = await Promise.all([stat(this.#whole.path).catch(() => undefined), this.#file.stat()]);
    return plan?.ino === this.#whole.inode && own.nlink > 0;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function headsOf(path: string): Promise<(ChangesHead | undefined)[]> {
  return Promise.all(changesPaths(path).map(async (one) => decodeChangesHead(await beginningOf(one))));
}

async function checksumAt(path: string): Promise<string | undefined> {
  return checksumOf(await beginningOf(path));
}

const HEAD_BYTES = 256;

/** The first bytes of a file; empty when it cannot be read. */
async function beginningOf(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch {
    return '';
  } finally {
    await file?.close();
  }
}
