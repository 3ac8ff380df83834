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
  /** The newest word of each: it is asked for far more often than anybody says something. */
  readonly #newest = new Map<PeerKey, Word>();
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
    const heardAt = Math.max(words.get(by) ?? Number.NEGATIVE_INFINITY, now - ageMs);
    words.set(by, heardAt);
    const newest = this.#newest.get(peer);
    if (newest === undefined || heardAt > newest.heardAt) this.#newest.set(peer, { by, heardAt });
    if (words.size <= MAX_WORDS) return;
    const [[oldest]] = [...words].sort(([, a], [, b]) => a - b) as [[PeerKey, number]];
    words.delete(oldest);
    this.dropped += 1;
  }

  /** The member that heard the peer last; undefined when nobody said that it did. */
  newest(peer: PeerKey): Word | undefined {
    return this.#newest.get(peer);
  }

  /** The members that heard the peer after `since`, on our awake clock. */
  after(peer: PeerKey, since: number): PeerKey[] {
    const hearers: PeerKey[] = [];
    for (const [by, heardAt] of this.#words.get(peer) ?? []) if (heardAt > since) hearers.push(by);
    return hearers;
  }

  /** It is heard again: what was said of it does not matter any more. */
  clear(peer: PeerKey): void {
    this.#words.delete(peer);
    this.#newest.delete(peer);
  }

  /** It is no member any more: neither it nor its words count. */
  forget(peer: PeerKey): void {
    this.clear(peer);
    for (const [of, words] of this.#words) {
      words.delete(peer);
      if (this.#newest.get(of)?.by !== peer) continue;
      const [next] = [...words].sort(([, a], [, b]) => b - a);
      if (next === undefined) this.#newest.delete(of);
      else this.#newest.set(of, { by: next[0], heardAt: next[1] });
    }
  }
}
