import type { NodeId } from '../../policy/block-set.ts';

/** More than a router keeps nodes, so that one that is known always keeps its number. */
const MAX_ALIASES = 65_536;
/** Of a signed 32-bit integer, which is what clients of SPIN read. */
const MAX_NUMBER = 2 ** 31 - 1;
/** So many numbers may be given between two writes. */
const AHEAD = 1_024;

export interface AliasesOptions {
  /** Whether the node is still known or meant by somebody. */
  readonly live: (id: NodeId) => boolean;
  /** Default 65,536. */
  readonly max?: number;
}

/**
 * A small integer for each node that somebody wants to call by one. It is given when it is first asked for and stays the
 * node's own, over restarts too. Numbers run on: that of a node which is gone is not given to another (only after 2^31 others).
 */
export class Aliases {
  readonly #options: AliasesOptions;
  /** In the order in which they were given. */
  readonly #byNode = new Map<NodeId, number>();
  readonly #byNumber = new Map<number, NodeId>();
  #changed = new Set<number>();
  #next = 1;
  #dropped = 0;

  constructor(options: AliasesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byNode.size;
  }

  /** Aliases of nodes that are gone, which made room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The next number that would be given. */
  get next(): number {
    return this.#next;
  }

  /** From here a later run may go on when this one ends without a word: no number below is free. */
  get reserved(): number {
    return Math.min(MAX_NUMBER, (Math.floor(this.#next / AHEAD) + 2) * AHEAD);
  }

  /** The node's number: given now if it has none. */
  of(id: NodeId): number {
    const known = this.#byNode.get(id);
    if (known !== undefined) return known;
    if (this.#byNode.size >= (this.#options.max ?? MAX_ALIASES)) this.#makeRoom();
    while (this.#byNumber.has(this.#next)) this.#step();
    const number = this.#next;
    this.#step();
    this.#byNode.set(id, number);
    this.#byNumber.set(number, id);
    this.#changed.add(number);
    return number;
  }

  /** The node's number if it has one. */
  has(id: NodeId): number | undefined {
    return this.#byNode.get(id);
  }

  /** The node that is called by that number. */
  nodeOf(number: number): NodeId | undefined {
    return this.#byNumber.get(number);
  }

  /** Takes up an alias of before a restart; false when node or number have another already. */
  restore(number: number, id: NodeId): boolean {
    const valid = Number.isInteger(number) && number >= 1 && number <= MAX_NUMBER;
    if (!valid || this.#byNode.has(id) || this.#byNumber.has(number)) return false;
    if (this.#byNode.size >= (this.#options.max ?? MAX_ALIASES)) return false;
    this.#byNode.set(id, number);
    this.#byNumber.set(number, id);
    if (number >= this.#next) this.#startAt(number + 1);
    return true;
  }

  /** Goes on at a number that an earlier run had not reached. */
  resume(next: number): void {
    if (Number.isInteger(next) && next > this.#next) this.#startAt(next);
  }

  /** The numbers that were given or given up since the last call. */
  takeChanged(): ReadonlySet<number> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  #startAt(number: number): void {
    this.#next = number > MAX_NUMBER ? 1 : number;
  }

  #step(): void {
    this.#startAt(this.#next + 1);
  }

  /** The oldest that nobody means any more go, some at once; when all are meant, the oldest. */
  #makeRoom(): void {
    const wanted = Math.ceil(this.#byNode.size / 100);
    let found = 0;
    for (const [id, number] of this.#byNode) {
      if (found === wanted) break;
      if (this.#options.live(id)) continue;
      this.#drop(id, number);
      found += 1;
    }
    if (found > 0) return;
    for (const [id, number] of this.#byNode) {
      this.#drop(id, number);
      break;
    }
  }

  #drop(id: NodeId, number: number): void {
    this.#byNode.delete(id);
    this.#byNumber.delete(number);
    this.#changed.add(number);
    this.#dropped += 1;
  }
}
