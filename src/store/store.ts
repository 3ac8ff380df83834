import { ClassicLevel } from 'classic-level';
import { DataError, messageOf } from '../errors.ts';
import type { HomeId } from '../policy/identity.ts';
import type { Op } from '../policy/op.ts';
import type { OpId } from '../policy/records.ts';
import type { Register } from '../policy/register-codec.ts';
import { AsItWas } from './as-it-was.ts';
import { droppedSome, lacksCurrent, sealed, unsealed } from './damage.ts';

/** What the store needs of a level database with text keys and binary values (abstract-level). */
export interface Database {
  get(key: string): Promise<Uint8Array | undefined>;
  /** `sync`: resolve only when it is on disk. A database in memory ignores it. */
  batch(entries: Entry[], options: { sync?: boolean; keyEncoding?: string }): Promise<void>;
  iterator(range: { gte: string; lt: string }): AsyncIterable<[string, Uint8Array]>;
  keys(range: { limit: number }): AsyncIterable<string>;
  /** What was read is whole. A database that is closed before this or a write is on disk as it was when it was opened. */
  settle(): void;
  close(): Promise<void>;
}

/** Keyspaces: numbered, never reused. */
const KEYSPACE = { meta: '0', ops: '1', registers: '2' } as const;
const STORE_VERSION = 1;
const HINT =
  'move the folder away and start again: the other routers hand back everything, also what this one wrote (docs/operations.md)';

type Entry = { type: 'put'; key: string; value: Uint8Array };

const SYNCED: Entry = { type: 'put', key: `${KEYSPACE.meta}!synced`, value: new Uint8Array(0) };

/** What a store held when it was opened. */
export interface Stored {
  /** Each chain in order; authors in no useful order. */
  readonly ops: readonly { readonly id: OpId; readonly envelope: Uint8Array }[];
  readonly registers: readonly Uint8Array[];
  /** To be called when all of it was found to belong together. */
  readonly settle: () => void;
}

/** Opens a store's database in a folder. DataError when it is damaged; the folder is as before then. */
export async function openDatabase(folder: string): Promise<Database> {
  const damaged = (why: string, cause?: unknown) =>
    new DataError(`the store in ${folder} cannot be opened: ${why}`, { cause, hint: HINT });
  if (lacksCurrent(folder)) throw damaged('its file CURRENT is missing');
  const before = new AsItWas(folder);
  const database = new ClassicLevel<string, Uint8Array>(folder, { valueEncoding: 'view' });
  try {
    await database.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (messageOf(cause).includes('lock')) {
      before.leave();
      throw new DataError('the store is in use by another agent', {
        cause,
        hint: 'stop the other agent first',
      });
    }
    before.putBack();
    throw damaged(messageOf(cause), cause);
  }
  const close = async () => {
    await database.close();
    before.putBack();
  };
  if (droppedSome(folder)) {
    await close();
    throw damaged('a part of its log cannot be read');
  }
  return {
    get: (key) => database.get(key),
    batch: (entries, options) => {
      before.forget();
      return database.batch(entries, options);
    },
    iterator: (range) => database.iterator(range),
    keys: (range) => database.keys(range),
    settle: () => before.forget(),
    close,
  };
}

/**
 * The home's ops and registers on disk. A subscriber: nothing waits for it but the announcement of an op of our own
 * (`durable()`). Writes are grouped: while one batch is being written, the next one collects.
 */
export class Store {
  readonly #database: Database;
  #pending: Entry[] = [];
  #sync = false;
  #scheduled = false;
  #writing: Promise<void> | undefined;
  #lastError: string | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Why the newest write failed; undefined when it did not. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Reads everything, after a check that the store is of this home and of no newer version. DataError otherwise. */
  async load(home: HomeId): Promise<Stored> {
    const meta = await this.#meta();
    if (meta === undefined) {
      const value = new TextEncoder().encode(JSON.stringify({ version: STORE_VERSION, home }));
      await this.#database.batch([{ type: 'put', key: `${KEYSPACE.meta}!store`, value }], { sync: true });
      return { ops: [], registers: [], settle: () => this.#database.settle() };
    }
    if (meta.version > STORE_VERSION) {
      throw new DataError('the store was written by a newer Hedgerow', {
        hint: 'update Hedgerow on this router',
      });
    }
    if (meta.home !== home) {
      throw new DataError('the store belongs to another home', { hint: HINT });
    }
    const ops: { id: OpId; envelope: Uint8Array }[] = [];
    const registers: Uint8Array[] = [];
    try {
      for await (const [key, value] of this.#range(KEYSPACE.ops))
        ops.push({ id: key.slice(-64), envelope: unsealed(value) });
      for await (const [, value] of this.#range(KEYSPACE.registers)) registers.push(unsealed(value));
    } catch (cause) {
      throw new DataError(`the store is damaged: ${messageOf(cause)}`, { cause, hint: HINT });
    }
    return { ops, registers, settle: () => this.#database.settle() };
  }

  /** Keeps an op. Written soon; `durable()` tells when. */
  putOp(op: Op): void {
    const seq = op.seq.toString(16).padStart(14, '0');
    this.#put(`${KEYSPACE.ops}!${op.peer}!${op.run}!${seq}!${op.id}`, op.envelope);
  }

  /** Keeps a register in place of the older one of the same peer and node. */
  putRegister(register: Register): void {
    this.#put(`${KEYSPACE.registers}!${register.peer}!${register.node ?? ''}`, register.envelope);
  }

  /** Resolves when everything put so far is on disk, synced. Rejects when it could not be written. */
  async durable(): Promise<void> {
    this.#sync = true;
    // An empty batch is not written at all: something must be, for the log to be synced up to it.
    if (this.#pending.length === 0) this.#pending.push(SYNCED);
    await this.#flush();
  }

  /** Writes what is pending and closes. What cannot be written is lost to this disk, not to the other routers. */
  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await this.#database.close();
    }
  }

  #put(key: string, value: Uint8Array): void {
    this.#pending.push({ type: 'put', key, value: sealed(value) });
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not at once: whoever calls durable() right after it wants this very batch synced.
    queueMicrotask(() => {
      this.#scheduled = false;
      // A write that fails is told by durable(), and is tried again with the next one.
      this.#flush().catch((error: unknown) => {
        this.#lastError = messageOf(error);
      });
    });
  }

  async #flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#pending.length === 0) return;
    const batch = this.#pending;
    const sync = this.#sync;
    this.#pending = [];
    this.#sync = false;
    const write = this.#database.batch(batch, { sync });
    this.#writing = write.then(
      () => undefined,
      () => undefined,
    );
    try {
      await write;
      this.#lastError = undefined;
    } catch (error) {
      this.#pending = [...batch, ...this.#pending];
      throw error;
    } finally {
      this.#writing = undefined;
    }
  }

  async #meta(): Promise<{ version: number; home: string } | undefined> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await this.#database.get(`${KEYSPACE.meta}!store`);
    } catch (cause) {
      throw new DataError(`the store is damaged: ${messageOf(cause)}`, { cause, hint: HINT });
    }
    if (bytes === undefined) {
      for await (const _ of this.#database.keys({ limit: 1 })) {
        throw new DataError('the store is damaged: it does not say what it is', { hint: HINT });
      }
      return undefined;
    }
    try {
      const meta: unknown = JSON.parse(new TextDecoder().decode(bytes));
      if (typeof meta === 'object' && meta !== null && 'version' in meta && 'home' in meta) {
        return { version: Number(meta.version), home: String(meta.home) };
      }
    } catch (cause) {
      throw new DataError('the store is damaged: it does not say what it is', { cause, hint: HINT });
    }
    throw new DataError('the store is damaged: it does not say what it is', { hint: HINT });
  }

  #range(keyspace: string): AsyncIterable<[string, Uint8Array]> {
    return this.#database.iterator({ gte: `${keyspace}!`, lt: `${keyspace}"` });
  }
}
