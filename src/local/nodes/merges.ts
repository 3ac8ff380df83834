import type { NodeId, RecordId } from '../../policy/block-set.ts';
import type { Edges } from '../../policy/classes.ts';
import type { NodeNews } from './node-news.ts';

/** Tells of nodes that people made one, or took apart again, since the last look. */
export class Merges {
  readonly #news: NodeNews;
  readonly #isDevice: (id: NodeId) => boolean;
  /** The live decisions as of the last look; undefined before the first, which tells nothing. */
  #known: ReadonlyMap<RecordId, readonly [NodeId, NodeId]> | undefined;

  constructor(news: NodeNews, isDevice: (id: NodeId) => boolean) {
    this.#news = news;
    this.#isDevice = isDevice;
  }

  /** To be called when the edges have changed. */
  look(edges: Edges): void {
    const before = this.#known;
    const now = new Map<RecordId, readonly [NodeId, NodeId]>();
    for (const [id, { record, live }] of edges) {
      if (live && record.kind === 'same') now.set(id, [record.x, record.y]);
    }
    this.#known = now;
    if (before === undefined) return;
    for (const [id, pair] of now) if (!before.has(id)) this.#tell('merged', pair);
    for (const [id, pair] of before) if (!now.has(id)) this.#tell('split', pair);
  }

  #tell(kind: 'merged' | 'split', [node, other]: readonly [NodeId, NodeId]): void {
    this.#news.add({ kind, node, with: other, device: this.#isDevice(node) || this.#isDevice(other) });
  }
}
