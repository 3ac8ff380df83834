import type { PeerKey } from '../../policy/crypto.ts';
import type { OpId } from '../../policy/records.ts';

/** So many of those that hear an author are told what is meant for it: one may lose it at this moment. */
const WAYS = 2;

export interface WaitingOptions {
  readonly self: PeerKey;
  /** Who wrote an op; undefined when we do not hold it. */
  readonly authorOf: (op: OpId) => PeerKey | undefined;
  readonly isLinked: (peer: PeerKey) => boolean;
  readonly isAlive: (peer: PeerKey) => boolean;
  /** The members that hear one that we do not, as they say. */
  readonly hearers: (peer: PeerKey) => readonly PeerKey[];
}

/**
 * Whoever wrote an op waits until it is in all kernels (control/author.ts), and nobody else does: a home of twenty then follows one
 * with six keep-alives of each in place of 23 and more.
 */
export class Waiting {
  readonly #options: WaitingOptions;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** Who wrote these ops, without ourselves; undefined when that is not known of all. */
  authors(ops: readonly OpId[]): ReadonlySet<PeerKey> | undefined {
    const { self, authorOf } = this.#options;
    const authors = new Set<PeerKey>();
    for (const op of ops) {
      const author = authorOf(op);
      if (author === undefined) return undefined;
      if (author !== self) authors.add(author);
    }
    return authors;
  }

  /** The links over which their authors hear of these ops first; undefined: all, since it is not known. */
  ways(ops: readonly OpId[]): ReadonlySet<PeerKey> | undefined {
    const { isLinked, isAlive, hearers } = this.#options;
    const authors = this.authors(ops);
    if (authors === undefined) return undefined;
    const ways = new Set<PeerKey>();
    for (const author of authors) {
      const over = isAlive(author) ? [] : hearers(author).filter(isLinked).slice(0, WAYS);
      if (isLinked(author)) over.push(author);
      if (over.length === 0) return undefined;
      for (const peer of over) ways.add(peer);
    }
    return ways;
  }
}
