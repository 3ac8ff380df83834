import { toHex } from '../policy/crypto.ts';
import type { Entry } from '../policy/ledger-entry.ts';
import type { Op } from '../policy/op.ts';

/** What only the page of an op is compared with. */
interface Content {
  readonly prev: string | undefined;
  readonly records: number;
  readonly over: readonly string[];
}

/**
 * The ops that a check has looked at, by number, for what hangs on them: the ops after them in their chains, and the pages.
 * Memory: about 150 bytes an op, and what the ops of one page say.
 */
export class CheckedOps {
  /** Undefined for a damaged one. */
  readonly #ids: (string | undefined)[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #actors = new Map<string, number>();
  readonly #actorOf: number[] = [];
  readonly #seqOf: number[] = [];
  readonly #contents = new Map<number, Content>();

  get size(): number {
    return this.#ids.length;
  }

  /** Takes the next op; answers what is wrong with its place in its chain. */
  add(op: Op): string | undefined {
    const { id, prev, over } = op;
    const n = this.size;
    const actor = this.#actor(op.peer + op.run);
    const twice = this.#numbers.has(id);
    this.#contents.set(n, { prev, records: op.add.length, over });
    this.#ids.push(id);
    this.#numbers.set(id, n);
    this.#actorOf.push(actor);
    this.#seqOf.push(op.seq);
    if (twice) return 'is there twice';
    if (prev === undefined) return undefined;
    const before = this.#numbers.get(prev) ?? -1;
    if (this.#actorOf[before] === actor && this.#seqOf[before] === op.seq - 1) return undefined;
    return 'follows an op that is not there, or is damaged';
  }

  /** The next op is damaged. */
  skip(): void {
    this.#ids.push(undefined);
    this.#actorOf.push(-1);
    this.#seqOf.push(0);
  }

  /** How a page differs from its ops; undefined when it does not. Damaged ops are not compared. */
  contradicts(first: number, entries: readonly Entry[]): string | undefined {
    for (const [i, entry] of entries.entries()) {
      const content = this.#contents.get(first + i);
      if (content !== undefined && !this.#says(entry, first + i, content)) {
        return `does not agree with op ${first + i}`;
      }
    }
    return undefined;
  }

  /** What the ops say is not needed any more. */
  forgetContents(): void {
    this.#contents.clear();
  }

  #says(entry: Entry, n: number, content: Content): boolean {
    const id = toHex(entry.ids.subarray(entry.at, entry.at + 32));
    const follows = typeof entry.follows === 'number' ? entry.follows : undefined;
    const prev = follows === undefined ? undefined : (this.#ids[follows] ?? content.prev);
    return (
      id === this.#ids[n] &&
      prev === content.prev &&
      entry.kinds.length === content.records &&
      this.#sameNames(entry, content.over)
    );
  }

  #sameNames(entry: Entry, over: readonly string[]): boolean {
    const known = new Set(over);
    return (
      entry.over.length === known.size &&
      entry.over.every((name) => {
        const id = 'id' in name ? toHex(name.id) : this.#ids[name.op];
        return id === undefined || known.has(`${id}/${name.index}`);
      })
    );
  }

  #actor(name: string): number {
    const index = this.#actors.get(name) ?? this.#actors.size;
    this.#actors.set(name, index);
    return index;
  }
}
