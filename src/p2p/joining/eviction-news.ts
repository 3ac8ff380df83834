import type { Crypto, PeerKey } from '../../policy/crypto.ts';
import { decodeOp } from '../../policy/op.ts';
import type { Replica } from '../../policy/replica.ts';
import type { Farewell } from './farewells.ts';

/** What another router said of our eviction, which our replica cannot fold because it lacks what came before. */
export interface ToldGone {
  /** The router that said so. */
  readonly by: PeerKey;
  /** Who wrote the op; perhaps a router that this one has never heard of. */
  readonly author: PeerKey;
  /** The author's wall clock, Unix milliseconds. */
  readonly at: number;
}

export interface EvictionNewsOptions {
  readonly replica: Replica;
  readonly crypto: Crypto;
  readonly self: PeerKey;
}

/**
 * Tells those that were evicted, and hears it when it was us. A router that was away for long can only take the word of a member for
 * it: that is for its people, and changes nothing by itself.
 */
export class EvictionNews implements Omit<Farewell, 'late'> {
  readonly #options: EvictionNewsOptions;
  #told: ToldGone | undefined;

  constructor(options: EvictionNewsOptions) {
    this.#options = options;
  }

  /** The newest that was heard; undefined when nothing was, or when the replica itself tells. */
  get now(): ToldGone | undefined {
    const { replica, self } = this.#options;
    return replica.member(self)?.evicted === undefined ? this.#told : undefined;
  }

  evictionOf = (peer: PeerKey): Uint8Array | undefined => {
    const { replica } = this.#options;
    if (replica.member(peer)?.evicted === undefined) return undefined;
    for (const { op, record } of replica.live.values()) {
      const speaks = record.kind === 'evict' && record.peer === peer;
      if (speaks && replica.member(op.peer)?.admin === true) return op.envelope;
    }
    return undefined;
  };

  told = (by: PeerKey, envelope: Uint8Array): void => {
    const { replica, crypto, self } = this.#options;
    const { verdict } = replica.admit(envelope);
    // Of an op that is admitted, or void, the fold has the last word.
    if (verdict !== 'gap' && verdict !== 'stranger') return;
    const decoded = decodeOp(envelope, replica.home, crypto);
    if (!decoded.ok) return;
    const { peer, at, add } = decoded.op;
    const author = replica.member(peer);
    if (author !== undefined && !author.admin) return;
    if (add.some((record) => record.kind === 'evict' && record.peer === self))
      this.#told = { by, author: peer, at };
  };
}
