import type { NodeId } from '../policy/block-set.ts';
import type { News } from '../policy/news.ts';
import { type Cursor, Numbered, type Page } from './numbered.ts';

/** Where nodes are known from. */
export interface NodeSources {
  /** This router's own. */
  readonly own: { changes(): News<NodeId>; has(id: NodeId): boolean; ids(): Iterable<NodeId> };
  /** Those that the routers tell each other of; another map once they have said more. */
  readonly told: () => ReadonlyMap<NodeId, unknown>;
  /** All ids that are the same node, itself among them. */
  readonly classOf: (id: NodeId) => readonly NodeId[];
}

/**
 * The nodes in the order in which they came to be known, to be listed page by page while they come and go: see
 * {@link Numbered}. What is known is looked at when a page is asked for, and only what has changed since the last one; so it
 * costs nothing before the first. Of several ids that are the same node the one that came first stands for all of them.
 */
export class NodeRoll {
  readonly #sources: NodeSources;
  readonly #numbered = new Numbered<NodeId>();
  readonly #numbers = new Map<NodeId, number>();
  #changes: News<NodeId> | undefined;
  #told: ReadonlyMap<NodeId, unknown> = new Map();

  constructor(sources: NodeSources) {
    this.#sources = sources;
  }

  /**
   * Some of the nodes, each by one of its ids, and where to go on. A page may be short or empty and yet not the last.
   * @param cursor undefined: from the beginning
   */
  page(cursor: Cursor | undefined, most: number): Page<NodeId> {
    this.#catchUp();
    return this.#numbered.page(cursor ?? this.#numbered.begin(), most, (id) => this.#standsForAll(id));
  }

  #catchUp(): void {
    const { own, told } = this.#sources;
    const changed = this.#changes?.take();
    this.#changes ??= own.changes();
    const before = this.#told;
    this.#told = told();
    if (changed === undefined) {
      for (const id of [...this.#numbers.keys()]) this.#look(id);
      for (const id of own.ids()) this.#look(id);
    } else {
      for (const id of changed) for (const same of this.#sources.classOf(id)) this.#look(same);
    }
    if (this.#told === before) return;
    for (const id of before.keys()) for (const same of this.#sources.classOf(id)) this.#look(same);
    for (const id of this.#told.keys()) this.#look(id);
  }

  /** Who is known has a number. An id that nobody sees any more keeps it as long as another of the same node is seen. */
  #look(id: NodeId): void {
    const number = this.#numbers.get(id);
    if (this.#isKnown(id)) {
      if (number === undefined) this.#numbers.set(id, this.#numbered.add(id));
    } else if (number !== undefined && !this.#sources.classOf(id).some((same) => this.#isKnown(same))) {
      this.#numbers.delete(id);
      this.#numbered.remove(number);
    }
  }

  #isKnown(id: NodeId): boolean {
    return this.#sources.own.has(id) || this.#told.has(id);
  }

  #standsForAll(id: NodeId): boolean {
    const number = this.#numbers.get(id) ?? 0;
    return this.#sources.classOf(id).every((same) => (this.#numbers.get(same) ?? Infinity) >= number);
  }
}
