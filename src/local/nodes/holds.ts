import type { NodeId } from '../../policy/block-set.ts';

/** More nodes than any view shows at once. */
const MAX_HELD = 65_536;

/**
 * References that come and go with whoever takes them, for example a view that is watched: a node that is held is neither aged
 * out nor evicted.
 */
export class Holds {
  readonly #held = new Map<NodeId, Map<string, number>>();
  #refused = 0;

  /** Holds that were not taken because there were too many. */
  get refused(): number {
    return this.#refused;
  }

  has(id: NodeId): boolean {
    return this.#held.has(id);
  }

  /** How often the node is held, by kind of holder. */
  of(id: NodeId): ReadonlyMap<string, number> {
    return this.#held.get(id) ?? new Map();
  }

  /** Takes a reference; answers how to give it back, which may be called more than once. */
  hold(kind: string, id: NodeId): () => void {
    if (!this.#held.has(id) && this.#held.size >= MAX_HELD) {
      this.#refused += 1;
      return () => undefined;
    }
    this.#count(kind, id, 1);
    let taken = true;
    return () => {
      if (taken) this.#count(kind, id, -1);
      taken = false;
    };
  }

  #count(kind: string, id: NodeId, by: 1 | -1): void {
    const kinds = this.#held.get(id) ?? new Map<string, number>();
    const count = (kinds.get(kind) ?? 0) + by;
    if (count > 0) kinds.set(kind, count);
    else kinds.delete(kind);
    if (kinds.size > 0) this.#held.set(id, kinds);
    else this.#held.delete(id);
  }
}
