import { messageOf } from '../errors.ts';
import { type Archive, PAGE_OPS } from '../policy/archive.ts';
import type { HomeId } from '../policy/identity.ts';
import type { Op } from '../policy/op.ts';
import type { Register } from '../policy/register-codec.ts';
import { sealed, unsealed } from './damage.ts';
import type { Database, Entry } from './database.ts';
import { KEYSPACE, noteKey, opKey, pageKey, registerKey } from './keyspaces.ts';
import { type Contents, readContents, readContentsOfVersion1 } from './load.ts';
import { metaEntry, readVersion } from './meta.ts';

const SYNCED: Entry = { type: 'put', key: `${KEYSPACE.meta}!synced`, value: new Uint8Array(0) };

/** What a store held when it was opened. */
export interface Stored extends Pick<Contents, 'pages' | 'tail' | 'unordered' | 'registers'> {
  /**
   * To be called when all of it was found to belong together; nothing is written before. From here on the store keeps
   * every page that `pageOf` can give it, once its ops are written.
   */
  readonly settle: (pageOf: PageSource) => void;
}

/** The bytes of the page with that index, 0, 1, 2 …; undefined while it is not whole. */
export type PageSource = (index: number) => Uint8Array | undefined;

/**
 * The home's ops and registers on disk. A subscriber: nothing waits for it but the announcement of an op of our own
 * (`durable()`). Writes are grouped: while one batch is being written, the next one collects. What cannot be written waits
 * in memory, in order, and is read from there.
 */
export class Store implements Archive {
  readonly #database: Database;
  readonly #pageOps: number;
  #pageOf: PageSource = () => undefined;
  /** Ops that are written, and those that wait for it too. */
  #writtenOps = 0;
  #ops = 0;
  /** Pages that are written or wait for it. */
  #pages = 0;
  /** By key; the newest word on a key is the one that counts. */
  #pending = new Map<string, Entry>();
  #beingWritten: ReadonlyMap<string, Entry> = new Map();
  #settled = false;
  #sync = false;
  #scheduled = false;
  #writing: Promise<void> | undefined;
  #lastError: string | undefined;
  #unreadable = 0;

  /** @param pageOps ops to a page, {@link PAGE_OPS} but for tests */
  constructor(database: Database, pageOps = PAGE_OPS) {
    this.#database = database;
    this.#pageOps = pageOps;
  }

  /** Why the newest write failed; undefined when it did not. */
  get lastError(): string | undefined {
    return this.#lastError ?? this.#database.problem?.();
  }

  /** Reads of ops and notes that failed. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /**
   * Reads what a start needs, after a check that the store is of this home and of no newer version. DataError otherwise.
   * A store of version 1 becomes one of version 2 in one batch, when its ops are put in their order and it is settled.
   */
  async load(home: HomeId): Promise<Stored> {
    const version = await readVersion(this.#database, home);
    if (version === undefined) {
      await this.#database.batch([metaEntry(home)], { sync: true });
      this.#settled = true;
    }
    const contents =
      version === 1
        ? await readContentsOfVersion1(this.#database)
        : await readContents(this.#database, this.#pageOps);
    this.#pages = contents.pages.length;
    this.#ops = this.#pages * this.#pageOps + contents.tail.length;
    this.#writtenOps = this.#ops;
    for (const key of contents.obsolete) this.#pending.set(key, { type: 'del', key });
    if (version === 1) this.#pending.set(metaEntry(home).key, metaEntry(home));
    return { ...contents, settle: (pageOf) => this.#settle(pageOf) };
  }

  /** Keeps op number `n`, if it is not one that `load()` gave. Written soon; `durable()` tells when. */
  putOp(n: number, op: Op): void {
    if (n < this.#ops) return;
    this.#ops = n + 1;
    this.#put(opKey(n), op.envelope);
  }

  /** The envelope of an op that was put or loaded; undefined when it cannot be read, which is counted. */
  read(n: number): Uint8Array | undefined {
    return this.#get(opKey(n));
  }

  /** Keeps a register in place of the older one of the same peer and node; those that `load()` gave are there. */
  putRegister(register: Register): void {
    if (this.#settled) this.#put(registerKey(register.peer, register.node), register.envelope);
  }

  /** Keeps a few bytes under a name, for whoever needs them after a restart. */
  putNote(name: string, bytes: Uint8Array): void {
    this.#put(noteKey(name), bytes);
  }

  /** What was kept under a name; undefined when there is nothing or it cannot be read. */
  note(name: string): Uint8Array | undefined {
    return this.#get(noteKey(name));
  }

  /** Resolves when everything put so far is on disk, synced. Rejects when it could not be written. */
  async durable(): Promise<void> {
    this.#sync = true;
    // An empty batch is not written at all: something must be, for the log to be synced up to it.
    if (this.#pending.size === 0) this.#pending.set(SYNCED.key, SYNCED);
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

  #settle(pageOf: PageSource): void {
    this.#pageOf = pageOf;
    this.#settled = true;
    this.#database.settle();
    this.#putPages();
    if (this.#pending.size > 0) this.#schedule();
  }

  #put(key: string, value: Uint8Array): void {
    this.#pending.set(key, { type: 'put', key, value: sealed(value) });
    this.#schedule();
  }

  /** The pages whose ops are written: a page must never be on disk without them. */
  #putPages(): void {
    while ((this.#pages + 1) * this.#pageOps <= this.#writtenOps) {
      const page = this.#pageOf(this.#pages);
      if (page === undefined) return;
      this.#put(pageKey(this.#pages), page);
      this.#pages += 1;
    }
  }

  #get(key: string): Uint8Array | undefined {
    const waiting = this.#pending.get(key) ?? this.#beingWritten.get(key);
    try {
      const bytes =
        waiting === undefined
          ? this.#database.getSync(key)
          : waiting.type === 'put'
            ? waiting.value
            : undefined;
      return bytes === undefined ? undefined : unsealed(bytes);
    } catch (error) {
      this.#unreadable += 1;
      this.#lastError = messageOf(error);
      return undefined;
    }
  }

  #schedule(): void {
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
    if (!this.#settled || this.#pending.size === 0) return;
    const batch = this.#pending;
    const sync = this.#sync;
    const ops = this.#ops;
    this.#beingWritten = batch;
    this.#pending = new Map();
    this.#sync = false;
    const write = this.#database.batch([...batch.values()], { sync });
    this.#writing = write.then(
      () => undefined,
      () => undefined,
    );
    try {
      await write;
      this.#lastError = undefined;
      this.#writtenOps = ops;
    } catch (error) {
      this.#pending = new Map([...batch, ...this.#pending]);
      throw error;
    } finally {
      this.#beingWritten = new Map();
      this.#writing = undefined;
    }
    this.#putPages();
  }
}
