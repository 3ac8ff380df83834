import { type Chain, Chains } from './chains.ts';
import { Column } from './column.ts';
import { fromHex, type PeerKey, toHex } from './crypto.ts';
import { type Entry, entryOf, idBytes, type Name } from './ledger-entry.ts';
import type { Op } from './op.ts';
import { OpIndex } from './op-index.ts';
import type { Head, OpId } from './records.ts';

const NOBODY: readonly number[] = [];

/** The number of an op that is not held. */
/** The mark of an op that leads to a head which is not held yet; see {@link Ledger.under}. */
export const LEADS = 2;
export const NOT_HELD = -1;

/**
 * All held ops in the order of their admission here, which numbers them 0, 1, 2 …: some 80 bytes each, in typed arrays
 * (policy.md, "History is kept"). An op stands after the one before it in its chain, so the numbers ascend along every
 * chain: whoever walks back through several chains at once takes the greatest number first.
 */
export class Ledger {
  readonly chains = new Chains();
  readonly #index = new OpIndex();
  readonly #parents = Column.ofInts();
  readonly #chainOf = Column.ofInts();
  readonly #seqs = Column.ofInts();
  /** Where the records and the names of op n begin; one item more than ops, so that n + 1 tells where they end. */
  readonly #recordsFrom = Column.ofInts();
  readonly #namesFrom = Column.ofInts();
  readonly #kinds = Column.ofBytes();
  readonly #namedOps = Column.ofInts();
  readonly #namedIndexes = Column.ofInts();
  /** The names whose op is not held, by its id. Every one is part of a held op, so these bound it. */
  readonly #awaited = new Map<OpId, number[]>();
  /** The same the other way round. */
  readonly #awaitedBy = new Map<number, OpId>();

  constructor() {
    this.#recordsFrom.push(0);
    this.#namesFrom.push(0);
  }

  get size(): number {
    return this.#index.size;
  }

  /** The number of an op, {@link NOT_HELD} when it is not held. */
  find(id: OpId): number {
    const bytes = fromHex(id);
    return bytes === undefined ? NOT_HELD : this.#index.find(bytes);
  }

  /** The same for an id that stands in `bytes` from `at` on. */
  findIn(bytes: Uint8Array, at: number): number {
    return this.#index.find(bytes, at);
  }

  idOf(n: number): OpId {
    return toHex(this.#index.idOf(n));
  }

  idBytesOf(n: number): Uint8Array {
    return this.#index.idOf(n);
  }

  /** The op before it; {@link NOT_HELD} for the first of a chain. */
  parentOf(n: number): number {
    return this.#parents.at(n);
  }

  seqOf(n: number): number {
    return this.#seqs.at(n);
  }

  chainOf(n: number): Chain {
    return this.chains.at(this.#chainOf.at(n));
  }

  /** The number of its chain among all chains. */
  chainNumberOf(n: number): number {
    return this.#chainOf.at(n);
  }

  /** Records of all ops stand in one row; those of op n from here to before those of op n + 1. */
  recordsFrom(n: number): number {
    return this.#recordsFrom.at(n);
  }

  /** How many records op n has. */
  recordsOf(n: number): number {
    return this.#recordsFrom.at(n + 1) - this.#recordsFrom.at(n);
  }

  kindAt(record: number): number {
    return this.#kinds.at(record);
  }

  /** Likewise the names that ops retire. */
  namesFrom(n: number): number {
    return this.#namesFrom.at(n);
  }

  namedOp(name: number): number {
    return this.#namedOps.at(name);
  }

  /** The id of the op that a name means, held or not. */
  namedIdOf(name: number): Uint8Array {
    const id = this.#awaitedBy.get(name);
    return id === undefined ? this.#index.idOf(this.#namedOps.at(name)) : idBytes(id);
  }

  namedIndex(name: number): number {
    return this.#namedIndexes.at(name);
  }

  /** The record that a name means, in the row of all records; undefined when it is not held or has no such index. */
  recordNamed(name: number): number | undefined {
    const op = this.#namedOps.at(name);
    const index = this.#namedIndexes.at(name);
    if (op === NOT_HELD || index >= this.recordsOf(op)) return undefined;
    return this.#recordsFrom.at(op) + index;
  }

  /** True when the op may follow what is held: its `prev` is held and is the same actor's op before it. */
  connects(op: Op): boolean {
    if (op.prev === undefined) return true;
    const n = this.find(op.prev);
    if (n === NOT_HELD || this.seqOf(n) !== op.seq - 1) return false;
    const chain = this.chainOf(n);
    return chain.peer === op.peer && chain.run === op.run;
  }

  /** Makes room for so many ops in all, so that what is known to come need not grow step by step. */
  reserve(ops: number): void {
    this.#index.reserve(ops);
    for (const column of [this.#parents, this.#chainOf, this.#seqs]) column.reserve(ops);
    for (const column of [this.#recordsFrom, this.#namesFrom]) column.reserve(ops + 1);
  }

  /** Takes an op up that is not held and connects; answers its number. */
  add(op: Op): number {
    return this.append(entryOf(op, op.prev === undefined ? op : this.find(op.prev)));
  }

  /** Takes up what the ledger keeps of an op that is not held and whose predecessor is. */
  append(entry: Entry): number {
    const { follows } = entry;
    const n = this.#index.add(entry.ids, entry.at);
    const chain = typeof follows === 'number' ? this.#chainOf.at(follows) : this.chains.open(follows);
    this.#parents.push(typeof follows === 'number' ? follows : NOT_HELD);
    this.#chainOf.push(chain);
    this.#seqs.push(typeof follows === 'number' ? this.#seqs.at(follows) + 1 : 1);
    this.#kinds.append(entry.kinds);
    this.#recordsFrom.push(this.#kinds.length);
    for (const name of entry.over) this.#pushName(name);
    this.#namesFrom.push(this.#namedOps.length);
    this.chains.at(chain).newest = n;
    return n;
  }

  /** Joins the names that have waited for op `n` to it; answers the ops in whose lists they stand. */
  claim(n: number): readonly number[] {
    if (this.#awaited.size === 0) return NOBODY;
    const id = this.idOf(n);
    const names = this.#awaited.get(id) ?? [];
    this.#awaited.delete(id);
    for (const name of names) {
      this.#namedOps.set(name, n);
      this.#awaitedBy.delete(name);
    }
    return names.map((name) => this.#opOfName(name));
  }

  /** The ops, counted or not, that retire a record of any op, held or not. */
  retirersOf(id: OpId, index: number): readonly number[] {
    const op = this.find(id);
    const retirers: number[] = [];
    if (op === NOT_HELD) {
      for (const name of this.#awaited.get(id) ?? [])
        if (this.#namedIndexes.at(name) === index) retirers.push(this.#opOfName(name));
      return retirers;
    }
    for (let name = 0; name < this.#namedOps.length; name++) {
      if (this.#namedOps.at(name) !== op || this.#namedIndexes.at(name) !== index) continue;
      retirers.push(this.#opOfName(name));
    }
    return retirers;
  }

  /**
   * What an eviction of a peer leaves standing: a 1 for each head that is named and held, and for all before it; a 2 for what
   * leads to a named head that is not held yet, as far as seq tells.
   */
  under(peer: PeerKey, heads: Iterable<Head>): Uint8Array {
    const marks = new Uint8Array(this.size);
    for (const head of heads) {
      let n = this.find(head.id);
      if (n === NOT_HELD) {
        const chain = this.chains.actor(peer, head.run);
        for (let op = 0; op < this.size && chain !== undefined; op++) {
          if (this.chainOf(op) === chain && this.seqOf(op) <= head.seq && marks[op] === 0) marks[op] = LEADS;
        }
      } else if (this.chainOf(n).peer === peer) {
        for (; n !== NOT_HELD && marks[n] !== 1; n = this.parentOf(n)) marks[n] = 1;
      }
    }
    return marks;
  }

  #pushName(name: Name): void {
    const op = 'op' in name ? name.op : this.#index.find(name.id);
    if ('id' in name && op === NOT_HELD) {
      const id = toHex(name.id);
      this.#awaitedBy.set(this.#namedOps.length, id);
      const waiting = this.#awaited.get(id);
      if (waiting === undefined) this.#awaited.set(id, [this.#namedOps.length]);
      else waiting.push(this.#namedOps.length);
    }
    this.#namedOps.push(op);
    this.#namedIndexes.push(name.index);
  }

  /** The op in whose list a name stands, by bisection. */
  #opOfName(name: number): number {
    let [low, high] = [0, this.size - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#namesFrom.at(middle) <= name) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
