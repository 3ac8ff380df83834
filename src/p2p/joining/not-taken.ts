import type { Crypto, PeerKey } from '../../policy/crypto.ts';
import { decodeOp, type Op } from '../../policy/op.ts';
import type { OpId } from '../../policy/records.ts';
import type { Replica } from '../../policy/replica.ts';

/** So many of the newest ops are looked through for those that do not count. */
const MAX_READ = 2_000;
/** So many that were refused at the door are remembered, until the agent ends. */
const MAX_LATE = 100;

/**
 * Changes that an eviction has made void: of the evicted router, and of those that it admitted. On the router itself these are above all the
 * ones that nobody had heard when it was evicted, which is nobody's fault and must not go unsaid.
 */
export class NotTaken {
  readonly #replica: Replica;
  readonly #crypto: Crypto;
  /** Such as another router passed on, and this one did not even store. */
  readonly #late = new Map<OpId, Op>();
  #version = -1;
  #held: readonly Op[] = [];

  constructor(replica: Replica, crypto: Crypto) {
    this.#replica = replica;
    this.#crypto = crypto;
  }

  /** An op came that the replica refused because its author was evicted. */
  late(envelope: Uint8Array): void {
    if (this.#late.size >= MAX_LATE) return;
    const decoded = decodeOp(envelope, this.#replica.home, this.#crypto);
    if (decoded.ok) this.#late.set(decoded.op.id, decoded.op);
  }

  /** The newest first; of one author or of all. */
  list(peer?: PeerKey): readonly Op[] {
    const replica = this.#replica;
    if (replica.members().every(({ evicted }) => evicted === undefined)) return [];
    // Whatever makes an op void, or count after all, is an op.
    if (replica.version !== this.#version) {
      this.#version = replica.version;
      this.#held = [...replica.recent(MAX_READ)].filter(({ id }) => !replica.counts(id));
    }
    const late = [...this.#late.values()].filter(({ id }) => !replica.holds(id)).reverse();
    const all = [...late, ...this.#held];
    return peer === undefined ? all : all.filter((op) => op.peer === peer);
  }
}
