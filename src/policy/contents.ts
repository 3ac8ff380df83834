import type { RecordId } from './block-set.ts';
import type { PeerKey } from './crypto.ts';
import type { Fold } from './fold.ts';
import type { Ledger } from './ledger.ts';
import { kindOf } from './ledger-entry.ts';
import type { Op } from './op.ts';
import { KINDS } from './record-codec.ts';
import type { OpId, Record } from './records.ts';

/** A record that holds: added by a counted op, retired by none. */
export interface Live<R extends Record = Record> {
  readonly id: RecordId;
  readonly op: Op;
  readonly record: R;
}

/** A record that ties nodes together or apart, or puts one into a group. */
export type EdgeRecord = Extract<Record, { kind: 'same' | 'distinct' | 'in' }>;

/** A counted edge, live or retired: who splits a class leaves the edges around older blocks as their authors knew them. */
export interface Edge {
  readonly op: OpId;
  readonly peer: PeerKey;
  readonly record: EdgeRecord;
  readonly live: boolean;
}

const EDGES: ReadonlySet<number> = new Set([KINDS.same, KINDS.distinct, KINDS.in]);

/**
 * What the records say that somebody asks for all the time: the live ones, and the edges. All others are read from the
 * archive when they are wanted.
 */
export class Contents {
  readonly #ledger: Ledger;
  readonly #fold: Fold;
  readonly #read: (n: number) => Op | undefined;
  #live = new Map<RecordId, Live>();
  #edges = new Map<RecordId, Edge>();
  #liveVersion = 0;
  #edgesVersion = 0;
  #unreadable = 0;

  /** @param read an op by its number, remembered for the next call; undefined when its bytes cannot be read */
  constructor(ledger: Ledger, fold: Fold, read: (n: number) => Op | undefined) {
    this.#ledger = ledger;
    this.#fold = fold;
    this.#read = read;
  }

  get live(): ReadonlyMap<RecordId, Live> {
    return this.#live;
  }

  get edges(): ReadonlyMap<RecordId, Edge> {
    return this.#edges;
  }

  get liveVersion(): number {
    return this.#liveVersion;
  }

  get edgesVersion(): number {
    return this.#edgesVersion;
  }

  /** Records that should be here and whose bytes the archive could not give when the fold was last done anew. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** The incremental step: op `n` has been counted. */
  counted(n: number, op: Op): void {
    for (const id of this.#fold.retires(n) ? op.over : []) {
      if (this.#live.delete(id)) this.#liveVersion += 1;
      const edge = this.#edges.get(id);
      if (edge?.live !== true) continue;
      this.#edges.set(id, { ...edge, live: false });
      this.#edgesVersion += 1;
    }
    for (let index = 0; index < op.add.length; index++) {
      const unretired = this.#fold.isUnretired(n, index);
      const live = unretired ? liveOf(op, index) : undefined;
      const edge = edgeOf(op, index);
      const id = `${op.id}/${index}`;
      if (live !== undefined) {
        this.#live.set(id, live);
        this.#liveVersion += 1;
      }
      if (edge !== undefined) {
        this.#edges.set(id, { ...edge, live: unretired });
        this.#edgesVersion += 1;
      }
    }
  }

  /** The whole fold was done anew. What was here already is not read again. */
  anew(): void {
    const before = { live: this.#live, edges: this.#edges };
    this.#live = new Map();
    this.#edges = new Map();
    this.#unreadable = 0;
    for (let n = 0; n < this.#ledger.size; n++) if (this.#fold.counts(n)) this.#collect(n, before);
    if (!sameKeys(before.live, this.#live)) this.#liveVersion += 1;
    const flipped = [...this.#edges].some(([id, edge]) => before.edges.get(id)?.live !== edge.live);
    if (flipped || before.edges.size !== this.#edges.size) this.#edgesVersion += 1;
  }

  /** The records of op `n` that belong here. */
  #collect(
    n: number,
    before: { live: ReadonlyMap<RecordId, Live>; edges: ReadonlyMap<RecordId, Edge> },
  ): void {
    const from = this.#ledger.recordsFrom(n);
    let id: OpId | undefined;
    for (let index = 0; index < this.#ledger.recordsOf(n); index++) {
      const live = this.#fold.isUnretired(n, index);
      const edge = EDGES.has(this.#ledger.kindAt(from + index));
      if (!live && !edge) continue;
      id ??= this.#ledger.idOf(n);
      const record = `${id}/${index}`;
      if (live) {
        const held = before.live.get(record) ?? liveOf(this.#read(n), index);
        if (held === undefined) this.#unreadable += 1;
        else this.#live.set(record, held);
      }
      if (edge) {
        const held = before.edges.get(record) ?? edgeOf(this.#read(n), index);
        if (held === undefined) this.#unreadable += 1;
        else this.#edges.set(record, { ...held, live });
      }
    }
  }
}

function liveOf(op: Op | undefined, index: number): Live | undefined {
  const record = op?.add[index];
  return op && record ? { id: `${op.id}/${index}`, op, record } : undefined;
}

function edgeOf(op: Op | undefined, index: number): Omit<Edge, 'live'> | undefined {
  const record = op?.add[index];
  return op && record && isEdge(record) ? { op: op.id, peer: op.peer, record } : undefined;
}

function isEdge(record: Record): record is EdgeRecord {
  return EDGES.has(kindOf(record));
}

function sameKeys(x: ReadonlyMap<string, unknown>, y: ReadonlyMap<string, unknown>): boolean {
  if (x.size !== y.size) return false;
  for (const key of x.keys()) if (!y.has(key)) return false;
  return true;
}
