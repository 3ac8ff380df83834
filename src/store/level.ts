import { existsSync } from 'node:fs';
import { ClassicLevel, type DatabaseOptions } from 'classic-level';
import { DataError, messageOf, TemporaryError } from '../errors.ts';
import { AsItWas, leftOver, putBackLeftOver } from './as-it-was.ts';
import { droppedSome, lacksCurrent } from './damage.ts';
import { MAKE_ROOM, mustBeWritable, whyNotWritable } from './files.ts';
import { ShadowCopy } from './shadow-copy.ts';
import { dismiss, type Known, testimony, Witness } from './witness.ts';

type Native = ClassicLevel<string, Uint8Array>;
type Entry =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/** LevelDB in a folder, with what LevelDB does not see to: damage, a full disk, a disk that cannot be written. */
export class Level {
  readonly #folder: string;
  readonly #hint: string;
  readonly #witness: Witness;
  #database: Native;
  #before: AsItWas | undefined;
  #shadow: ShadowCopy | undefined;
  /** Why everything is opened anew before the next write; undefined when all is well. */
  #broken: string | undefined;
  #opening: Promise<void> | undefined;
  #closed = false;

  private constructor(folder: string, hint: string, known: ReadonlyMap<string, Known>, opened: Opened) {
    this.#folder = folder;
    this.#hint = hint;
    this.#witness = new Witness(folder, known);
    this.#database = opened.database;
    this.#before = opened.before;
    this.#shadow = opened.shadow;
    this.#broken = opened.broken;
  }

  /**
   * Opens a folder. On a disk that cannot be written what is there is read from a copy in memory, and every write is
   * refused until it can. DataError with `hint` when it is damaged; the folder is as before then. TemporaryError when the disk
   * cannot be written and there is no memory for a copy.
   */
  static async open(folder: string, hint: string): Promise<Level> {
    await finish(folder);
    if (lacksCurrent(folder)) throw damaged(folder, hint, 'its file CURRENT is missing');
    const told = testimony(folder);
    if ('why' in told) throw damaged(folder, hint, told.why);
    try {
      return new Level(folder, hint, told.known, await openHere(folder, hint));
    } catch (error) {
      const full = whyNotWritable(error);
      if (full === undefined) throw error;
      return new Level(folder, hint, told.known, await openShadow(folder, hint, full));
    }
  }

  /** Why nothing is written at the moment; undefined when all is well. */
  get problem(): string | undefined {
    return this.#broken;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#opening;
    return await this.#database.get(key);
  }

  /** Throws when it cannot be read. */
  getSync(key: string): Uint8Array | undefined {
    return this.#database.getSync(key);
  }

  /**
   * Writes all or nothing. After a write that failed nothing more goes into that log: LevelDB would go on behind the torn
   * record, and whoever reads the log later would lose all that follows, synced or not. It is opened anew first.
   */
  async batch(entries: Entry[], options: { sync?: boolean }): Promise<void> {
    this.#forget();
    await this.#opening;
    if (this.#broken !== undefined) await this.#openAnew();
    try {
      await this.#database.batch(entries, options);
    } catch (error) {
      this.#broken = messageOf(error);
      throw error;
    }
    if (options.sync === true) this.#witness.noteLog();
  }

  iterator(range: { gte: string; lt: string }): AsyncIterable<[string, Uint8Array]> {
    return this.#database.iterator(range);
  }

  keys(range: { limit: number }): AsyncIterable<string> {
    return this.#database.keys(range);
  }

  /** Merges the files of all keys and drops what was overwritten: less room, and every block is read once. */
  async compact(): Promise<void> {
    await this.#opening;
    await this.#database.compactRange('', '\uffff');
    if (this.#shadow === undefined) this.#witness.noteAll();
  }

  /** What was read is whole: from here on the folder may differ from what it was. */
  settle(): void {
    if (this.#shadow !== undefined) return;
    this.#forget();
    this.#witness.noteAll();
  }

  /** Closes; what was neither settled nor written is as it was before it was opened. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#opening?.catch(() => undefined);
    await this.#database.close();
    this.#shadow?.remove();
    if (this.#before !== undefined) this.#before.putBack();
    else if (this.#shadow === undefined) this.#witness.noteClosed();
  }

  #forget(): void {
    this.#before?.forget();
    this.#before = undefined;
  }

  /** Rejects with the reason when the disk still cannot be written; then everything can be read as before. */
  async #openAnew(): Promise<void> {
    this.#opening ??= this.#openAgain().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  async #openAgain(): Promise<void> {
    if (this.#closed) throw new TemporaryError('the store is closed');
    mustBeWritable(this.#folder, ROOM_BYTES);
    await this.#database.close();
    const shadow = this.#shadow;
    this.#shadow = undefined;
    shadow?.remove();
    try {
      const { database, before } = await openHere(this.#folder, this.#hint);
      this.#database = database;
      before?.forget();
      this.#broken = undefined;
    } catch (error) {
      // Whoever reads meanwhile does so from memory; the next write tries again.
      const opened = await openShadow(this.#folder, this.#hint, messageOf(error));
      this.#database = opened.database;
      this.#shadow = opened.shadow;
      throw error;
    }
    this.#witness.noteAll();
  }
}

/** Opening turns a log of up to 4 MB into a table before the log is deleted, and begins files. */
const ROOM_BYTES = 6_000_000;

interface Opened {
  readonly database: Native;
  readonly before?: AsItWas | undefined;
  readonly shadow?: ShadowCopy | undefined;
  readonly broken?: string | undefined;
}

async function openHere(folder: string, hint: string): Promise<Opened> {
  const before = new AsItWas(folder);
  let database: Native;
  try {
    database = await openNative(folder);
  } catch (error) {
    if (isLocked(error)) before.forget();
    else before.putBack();
    if (isLocked(error)) throw inUse(error);
    if (whyNotWritable(error) !== undefined) throw error;
    throw damaged(folder, hint, messageOf(error), error);
  }
  if (droppedSome(folder)) {
    await database.close();
    before.putBack();
    throw damaged(folder, hint, 'a part of its log cannot be read');
  }
  // It speaks of files that are being rewritten from here on.
  dismiss(folder);
  return { database, before };
}

async function openShadow(folder: string, hint: string, why: string): Promise<Opened> {
  if (!existsSync(folder)) throw cannotBeWritten(folder, why);
  const shadow = ShadowCopy.of(folder);
  if (shadow === undefined) throw cannotBeWritten(folder, why);
  try {
    const database = await openNative(shadow.folder);
    if (!droppedSome(shadow.folder)) return { database, shadow, broken: why };
    await database.close();
  } catch (error) {
    shadow.remove();
    if (whyNotWritable(error) !== undefined) throw cannotBeWritten(folder, why);
    throw damaged(folder, hint, messageOf(error), error);
  }
  shadow.remove();
  throw damaged(folder, hint, 'a part of its log cannot be read');
}

/** Brings to an end what a start that was cut short has left: the files are as they were before it. */
async function finish(folder: string): Promise<void> {
  if (!leftOver(folder)) return;
  if (existsSync(folder)) {
    try {
      // Whoever gets the lock is alone.
      await (await openNative(folder)).close();
    } catch (error) {
      if (isLocked(error)) throw inUse(error);
      if (whyNotWritable(error) !== undefined) return;
    }
  }
  putBackLeftOver(folder);
}

/** What matters less and may fill much: LevelDB with little memory, and nothing that looks after it. */
export async function openSmall(folder: string): Promise<Pick<Native, 'batch' | 'iterator' | 'close'>> {
  return await openNative(folder, { writeBufferSize: 256 * 1024, cacheSize: 512 * 1024, maxOpenFiles: 64 });
}

/** Whether LevelDB failed because of what is in its folder, not because of the disk or of somebody else's lock. */
export function isDamage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'LEVEL_CORRUPTION' || (code === 'LEVEL_IO_ERROR' && /No such file/.test(messageOf(error)));
}

/** Rejects with LevelDB's own error. */
async function openNative(
  folder: string,
  options: DatabaseOptions<string, Uint8Array> = {},
): Promise<Native> {
  const database: Native = new ClassicLevel(folder, { valueEncoding: 'view', ...options });
  try {
    await database.open();
    return database;
  } catch (error) {
    throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'LEVEL_LOCKED';
}

function inUse(cause: unknown): DataError {
  return new DataError('the store is in use by another agent', { cause, hint: 'stop the other agent first' });
}

function damaged(folder: string, hint: string, why: string, cause?: unknown): DataError {
  return new DataError(`the store in ${folder} cannot be opened: ${why}`, { cause, hint });
}

function cannotBeWritten(folder: string, why: string): TemporaryError {
  return new TemporaryError(`the store in ${folder} cannot be written: ${why}`, { hint: MAKE_ROOM });
}
