import type { PeerKey } from '../../policy/crypto.ts';

/** The best that a member said of a peer that we do not hear. */
export interface Word {
  readonly by: PeerKey;
  /** When that member heard the peer, on our awake clock. */
  readonly heardAt: number;
}

/** So many members' words are kept of one peer, and words of so many peers. */
const MAX_WORDS = 16;
const MAX_PEERS = 256;

/**
 * Who said when it heard whom. What others say of a third peer is a witness, never a verdict: it can keep a peer from being
 * called down, and nothing else. Told the time; a word grows older on our own clock.
 */
export class Witnesses {
  readonly #words = new Map<PeerKey, Map<PeerKey, number>>();
  /** Words that no longer fitted in. */
  dropped = 0;

  /**
   * `by` says that it heard `peer` so long before `now`. Of what a member says the latest sign of life counts, of too many
   * members those that heard it last.
   */
  take(by: PeerKey, peer: PeerKey, ageMs: number, now: number): void {
    if (by === peer || !(ageMs >= 0)) return;
    const words = this.#words.get(peer) ?? new Map<PeerKey, number>();
    if (!this.#words.has(peer) && this.#words.size >= MAX_PEERS) {
      this.dropped += 1;
      return;
    }
    this.#words.set(peer, words);
    words.set(by, Math.max(words.get(by) ?? Number.NEGATIVE_INFINITY, now - ageMs));
    if (words.size <= MAX_WORDS) return;
    const [[oldest]] = [...words].sort(([, a], [, b]) => a - b) as [[PeerKey, number]];
    words.delete(oldest);
    this.dropped += 1;
  }

  /** The member that heard the peer last; undefined when nobody said that it did. */
  newest(peer: PeerKey): Word | undefined {
    let newest: Word | undefined;
    for (const [by, heardAt] of this.#words.get(peer) ?? []) {
      if (newest === undefined || heardAt > newest.heardAt) newest = { by, heardAt };
    }
    return newest;
  }

  /** The members that heard the peer after `since`, on our awake clock. */
  after(peer: PeerKey, since: number): PeerKey[] {
    return [...(this.#words.get(peer) ?? [])].filter(([, heardAt]) => heardAt > since).map(([by]) => by);
  }

  /** It is heard again: what was said of it does not matter any more. */
  clear(peer: PeerKey): void {
    this.#words.delete(peer);
  }

  /** It is no member any more: neither it nor its words count. */
  forget(peer: PeerKey): void {
    this.clear(peer);
    for (const words of this.#words.values()) words.delete(peer);
  }
}
