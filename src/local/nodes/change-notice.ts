import type { NodeId } from '../../policy/block-set.ts';
import { News } from '../../policy/news.ts';

/** Counts changes and tells whoever watches that there was one. */
export class ChangeNotice {
  readonly #listeners = new Set<() => void>();
  readonly #news = new News<NodeId>();
  readonly #readers = new Set<News<NodeId>>();
  #version = 0;
  #bindingsVersion = 0;

  get version(): number {
    return this.#version;
  }

  get bindingsVersion(): number {
    return this.#bindingsVersion;
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The nodes that changed since the last call; undefined: too many. */
  take(): ReadonlySet<NodeId> | undefined {
    return this.#news.take();
  }

  /** A list of changes of its own for one more reader, who is told of names too. */
  reader(): News<NodeId> {
    const news = new News<NodeId>();
    this.#readers.add(news);
    return news;
  }

  /** Nodes came, went, or have other addresses; no nodes, no change. */
  nodes(ids: readonly NodeId[], referred: (id: NodeId) => boolean): void {
    if (ids.length === 0) return;
    for (const id of ids) this.#news.add(id);
    if (ids.some(referred)) this.#bindingsVersion += 1;
    this.names(ids);
  }

  /** Something else of these nodes changed, which no block set depends on. */
  names(ids: readonly NodeId[]): void {
    for (const news of this.#readers) for (const id of ids) news.add(id);
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }
}
