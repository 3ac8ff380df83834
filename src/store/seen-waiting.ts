import { messageOf } from '../errors.ts';
import { sealed, unsealed } from './damage.ts';
import type { Entry } from './database.ts';
import type { SeenHealth, SeenRange, SeenStore } from './seen-store.ts';

/** What the store needs of a database with text keys and binary values. */
export interface SeenDatabase {
  /** All or nothing, not synced. */
  batch(entries: Entry[]): Promise<void>;
  iterator(range: SeenRange): AsyncIterable<[string, Uint8Array]>;
  close(): Promise<void>;
}

/** Where the database comes from: opened at the start, and again after a write that failed. */
export interface SeenSource {
  /** `off`: why there will be none, however often one asks. Rejects when there may be one later. */
  open(): Promise<{ readonly database: SeenDatabase } | { readonly off: string }>;
  /** Told of what a read or a write failed with, before the next `open()`. */
  failed(error: unknown): void;
  /** See {@link SeenHealth.putAside}. */
  readonly putAside: string | undefined;
}

/** So many bytes may wait; the oldest are given up for newer ones. */
export const MAX_WAITING_BYTES = 8_000_000;
/** One batch: LevelDB keeps it in memory twice while it writes. */
const BATCH_BYTES = 128_000;

/** Values wait here, under their keys, until they are written; reads see them at once. */
export class WaitingSeenStore implements SeenStore {
  readonly #source: SeenSource;
  readonly #maxWaiting: number;
  #database: SeenDatabase | undefined;
  #off: string | undefined;
  #problem: string | undefined;
  /** Undefined: to be deleted. */
  #waiting = new Map<string, Uint8Array | undefined>();
  #waitingBytes = 0;
  #beingWritten: ReadonlyMap<string, Uint8Array | undefined> = new Map();
  #writing: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #dropped = 0;
  #unreadable = 0;
  #written = 0;

  constructor(source: SeenSource, maxWaitingBytes = MAX_WAITING_BYTES) {
    this.#source = source;
    this.#maxWaiting = maxWaitingBytes;
  }

  /** Opens the database. That it cannot be opened is told by `health()`, and tried again with every `flush()`. */
  async open(): Promise<void> {
    if (this.#database !== undefined || this.#off !== undefined || this.#closed !== undefined) return;
    try {
      const opened = await this.#source.open();
      this.#problem = undefined;
      if ('off' in opened) {
        this.#off = opened.off;
        this.#dropped += this.#waiting.size;
        this.#waiting.clear();
        this.#waitingBytes = 0;
      } else this.#database = opened.database;
    } catch (error) {
      this.#problem = messageOf(error);
    }
  }

  health(): SeenHealth {
    return {
      problem: this.#off ?? this.#problem,
      waiting: { keys: this.#waiting.size + this.#beingWritten.size, bytes: this.#waitingBytes },
      dropped: this.#dropped,
      unreadable: this.#unreadable,
      written: this.#written,
      putAside: this.#source.putAside,
    };
  }

  put(key: string, value: Uint8Array): void {
    this.#wait(key, sealed(value));
  }

  del(key: string): void {
    this.#wait(key, undefined);
  }

  async *entries(range: SeenRange): AsyncGenerator<[string, Uint8Array], void> {
    const waiting = [...this.#beingWritten, ...this.#waiting].filter(
      ([key]) => key >= range.gte && key < range.lt,
    );
    // The newest word on a key counts; what waits is written later than what is being written.
    const newest = [...new Map(waiting)].sort(([x], [y]) => (x < y ? -1 : 1));
    let next = 0;
    for await (const [key, bytes] of this.#stored(range)) {
      for (; next < newest.length; next++) {
        const [first, value] = newest[next] ?? ['', undefined];
        if (first > key) break;
        yield* this.#whole(first, value);
      }
      if (newest[next - 1]?.[0] !== key) yield* this.#whole(key, bytes);
    }
    for (const [key, value] of newest.slice(next)) yield* this.#whole(key, value);
  }

  async flush(): Promise<void> {
    const writing = this.#writing.then(() => this.#writeAll());
    this.#writing = writing.catch(() => undefined);
    await writing;
  }

  async close(): Promise<void> {
    this.#closed ??= this.#closeOnce();
    await this.#closed;
  }

  async #closeOnce(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.#problem = messageOf(error);
    }
    const database = this.#database;
    this.#database = undefined;
    await database?.close();
  }

  #wait(key: string, value: Uint8Array | undefined): void {
    if (this.#off !== undefined || this.#closed !== undefined) {
      this.#dropped += 1;
      return;
    }
    this.#forget(key);
    this.#waiting.set(key, value);
    this.#waitingBytes += sizeOf(key, value);
    while (this.#waitingBytes > this.#maxWaiting && this.#waiting.size > 1) {
      const [oldest] = this.#waiting.keys();
      if (oldest === undefined) return;
      this.#forget(oldest);
      this.#dropped += 1;
    }
  }

  #forget(key: string): void {
    if (!this.#waiting.has(key)) return;
    this.#waitingBytes -= sizeOf(key, this.#waiting.get(key));
    this.#waiting.delete(key);
  }

  async *#stored(range: SeenRange): AsyncGenerator<[string, Uint8Array], void> {
    await this.open();
    if (this.#database === undefined) return;
    try {
      yield* this.#database.iterator(range);
    } catch (error) {
      this.#unreadable += 1;
      this.#source.failed(error);
    }
  }

  *#whole(key: string, bytes: Uint8Array | undefined): Generator<[string, Uint8Array], void> {
    if (bytes === undefined) return;
    let value: Uint8Array;
    try {
      value = unsealed(bytes);
    } catch {
      this.#unreadable += 1;
      return;
    }
    yield [key, value];
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      await this.open();
      const database = this.#database;
      if (database === undefined) {
        if (this.#off !== undefined || this.#closed !== undefined) return;
        throw new Error(this.#problem ?? 'the database is not open');
      }
      const batch = this.#take();
      try {
        await database.batch(
          Array.from(batch, ([key, value]) =>
            value === undefined ? { type: 'del', key } : { type: 'put', key, value },
          ),
        );
        for (const [key, value] of batch) this.#written += sizeOf(key, value);
        this.#problem = undefined;
      } catch (error) {
        this.#putBack(batch);
        this.#problem = messageOf(error);
        this.#source.failed(error);
        // LevelDB would go on behind the torn record of its log: it is opened anew before the next write.
        this.#database = undefined;
        await database.close();
        throw error;
      } finally {
        this.#beingWritten = new Map();
      }
    }
  }

  #take(): Map<string, Uint8Array | undefined> {
    const batch = new Map<string, Uint8Array | undefined>();
    let bytes = 0;
    for (const [key, value] of this.#waiting) {
      if (bytes >= BATCH_BYTES) break;
      batch.set(key, value);
      bytes += sizeOf(key, value);
    }
    for (const key of batch.keys()) this.#forget(key);
    this.#beingWritten = batch;
    return batch;
  }

  /** What was said since about the same keys counts more. */
  #putBack(batch: ReadonlyMap<string, Uint8Array | undefined>): void {
    const since = this.#waiting;
    this.#waiting = new Map();
    this.#waitingBytes = 0;
    for (const [key, value] of [...batch, ...since]) this.#wait(key, value);
  }
}

function sizeOf(key: string, value: Uint8Array | undefined): number {
  return key.length + (value?.length ?? 0);
}
