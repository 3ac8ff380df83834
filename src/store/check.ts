import { messageOf } from '../errors.ts';
import { PAGE_OPS } from '../policy/archive.ts';
import type { Crypto } from '../policy/crypto.ts';
import type { HomeId } from '../policy/identity.ts';
import { decodePage } from '../policy/ledger-page.ts';
import { decodeOp } from '../policy/op.ts';
import { decodeRegister } from '../policy/register-codec.ts';
import { CheckedOps } from './checked-ops.ts';
import { unsealed } from './damage.ts';
import type { Database } from './database.ts';
import { KEYSPACE, META_KEY, opKey, pageKey, rangeOf, registerKey } from './keyspaces.ts';
import { readVersion } from './meta.ts';

/** How far a check is, in entries; `of` as far as it is known. */
export interface CheckProgress {
  readonly done: number;
  readonly of: number | undefined;
}

/** What is damaged, for {@link repairStore}. */
export interface Damage {
  /** Numbers of ops, ascending. */
  readonly ops: readonly number[];
  /** Keys of pages, registers and notes: each can be made anew or is told again. */
  readonly others: readonly string[];
}

export interface CheckReport {
  readonly ok: boolean;
  /** How many of what were looked at. */
  readonly counts: { readonly [what: string]: number };
  /** What is wrong, in words; the first {@link MAX_TOLD}. */
  readonly wrong: readonly string[];
  readonly damage: Damage;
}

export interface CheckOptions {
  readonly home: HomeId;
  readonly crypto: Crypto;
  readonly signal: AbortSignal;
  /** How many ops there are, for the progress. */
  readonly ops?: number | undefined;
  /** Ops to a page, {@link PAGE_OPS} but for tests. */
  readonly pageOps?: number | undefined;
}

/** So much that is wrong is told and remembered; more is counted. */
export const MAX_TOLD = 100;
/** So many entries are looked at in one go: about 10 ms with their signatures. */
const SLICE = 64;

/**
 * Reads everything that a store holds and verifies all of it: every value's seal, every op's hash, signature and place in
 * its chain, the pages against the ops, every register and note. It works on the open database of a running agent, in
 * slices between which the agent does its work; what is written meanwhile is not looked at. Nothing is changed.
 *
 *     const steps = checkStore(database, { home: replica.home, crypto, ops: replica.size, signal });
 *     let step = await steps.next();
 *     for (; step.done !== true; step = await steps.next()) show(step.value);
 *     report(step.value);
 *
 * Rejects when the signal aborts, and with a DataError when the store is another home's or a newer version's.
 */
export async function* checkStore(
  database: Database,
  options: CheckOptions,
): AsyncGenerator<CheckProgress, CheckReport> {
  const check = new Check(database, options);
  const version = await readVersion(database, options.home);
  if (version !== undefined) {
    yield* check.ops();
    yield* check.registers();
    yield* check.notes();
  }
  return check.report();
}

class Check {
  readonly #database: Database;
  readonly #options: CheckOptions;
  readonly #pageOps: number;
  readonly #known = new CheckedOps();
  readonly #counts = { ops: 0, pages: 0, registers: 0, notes: 0 };
  readonly #wrong: string[] = [];
  readonly #badOps: number[] = [];
  readonly #badOthers: string[] = [];
  #more = 0;
  #done = 0;

  constructor(database: Database, options: CheckOptions) {
    this.#database = database;
    this.#options = options;
    this.#pageOps = options.pageOps ?? PAGE_OPS;
  }

  async *ops(): AsyncGenerator<CheckProgress, void> {
    const { home, crypto } = this.#options;
    for await (const [key, bytes] of this.#entries(KEYSPACE.ops)) {
      const n = this.#known.size;
      const number = Number.parseInt(key.slice(KEYSPACE.ops.length + 1), 16);
      if (key !== opKey(number) || number < n) {
        this.#other(key, 'is no key of an op');
        continue;
      }
      for (let missing = n; missing < number; missing++) this.#op(missing, 'is missing');
      const value = this.#value(bytes);
      const decoded = value === undefined ? undefined : decodeOp(value, home, crypto);
      if (decoded?.ok === true) {
        const why = this.#known.add(decoded.op);
        if (why !== undefined) this.#badOp(number, why);
      } else this.#op(number, decoded === undefined ? 'is not what was written' : `is ${decoded.why}`);
      this.#counts.ops += 1;
      if (this.#known.size % this.#pageOps === 0) {
        await this.#page(this.#known.size / this.#pageOps - 1);
        this.#known.forgetContents();
      }
      if (this.#isSlice()) yield await this.#pause();
    }
  }

  /** The page of the ops that were looked at last, if it is written already. */
  async #page(index: number): Promise<void> {
    const key = pageKey(index);
    const first = index * this.#pageOps;
    let bytes: Uint8Array | undefined;
    try {
      bytes = await this.#database.get(key);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      this.#other(key, `cannot be read: ${messageOf(error)}`, `page ${index}`);
      return;
    }
    if (bytes === undefined) return;
    const value = this.#value(bytes);
    const entries = value === undefined ? undefined : decodePage(value, first, this.#pageOps);
    const why = entries === undefined ? 'is not what was written' : this.#known.contradicts(first, entries);
    if (why !== undefined) this.#other(key, why, `page ${index}`);
    this.#counts.pages += 1;
  }

  async *registers(): AsyncGenerator<CheckProgress, void> {
    const { home, crypto } = this.#options;
    for await (const [key, bytes] of this.#entries(KEYSPACE.registers)) {
      const value = this.#value(bytes);
      const register = value === undefined ? undefined : decodeRegister(value, home, crypto);
      if (register === undefined || key !== registerKey(register.peer, register.node)) {
        this.#other(key, 'is not what was written', 'a register');
      }
      this.#counts.registers += 1;
      if (this.#isSlice()) yield await this.#pause();
    }
  }

  async *notes(): AsyncGenerator<CheckProgress, void> {
    for await (const [key, bytes] of this.#entries(KEYSPACE.notes)) {
      if (this.#value(bytes) === undefined) this.#other(key, 'is not what was written', 'a note');
      this.#counts.notes += 1;
      if (this.#isSlice()) yield await this.#pause();
    }
  }

  report(): CheckReport {
    const wrong = this.#more === 0 ? this.#wrong : [...this.#wrong, `and ${this.#more} more`];
    return {
      ok: wrong.length === 0,
      counts: { ...this.#counts },
      wrong,
      damage: { ops: this.#badOps, others: this.#badOthers },
    };
  }

  /** The entries of a keyspace; what LevelDB itself cannot read ends them and is told. */
  async *#entries(keyspace: string): AsyncGenerator<[string, Uint8Array], void> {
    this.#options.signal.throwIfAborted();
    try {
      yield* this.#database.iterator(rangeOf(keyspace));
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (keyspace === KEYSPACE.ops) this.#op(this.#known.size, `and what follows: ${messageOf(error)}`);
      else this.#told(`what follows in keyspace ${keyspace} cannot be read: ${messageOf(error)}`);
    }
  }

  #value(bytes: Uint8Array): Uint8Array | undefined {
    try {
      return unsealed(bytes);
    } catch {
      // Told by whoever asks.
      return undefined;
    }
  }

  #op(number: number, why: string): void {
    this.#known.skip();
    this.#badOp(number, why);
  }

  #badOp(number: number, why: string): void {
    if (this.#badOps.length < MAX_TOLD) this.#badOps.push(number);
    this.#told(`op ${number} ${why}`);
  }

  #other(key: string, why: string, what = `the entry ${key}`): void {
    if (this.#badOthers.length < MAX_TOLD) this.#badOthers.push(key);
    this.#told(`${what} ${why}`);
  }

  #told(text: string): void {
    if (this.#wrong.length < MAX_TOLD) this.#wrong.push(text);
    else this.#more += 1;
  }

  #isSlice(): boolean {
    this.#done += 1;
    return this.#done % SLICE === 0;
  }

  /** A read that goes through another thread: the agent's own work has its turn meanwhile. */
  async #pause(): Promise<CheckProgress> {
    this.#options.signal.throwIfAborted();
    await this.#database.get(META_KEY);
    return { done: this.#done, of: this.#options.ops };
  }
}
