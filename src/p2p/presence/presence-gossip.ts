import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Counters } from '../counters.ts';
import type { GossipVerdict } from '../overlay.ts';
import { Pace } from '../pace.ts';
import type { PresenceFeed } from './presence-feed.ts';
import { statementOf } from './presence-statement.ts';
import type { PresenceTable } from './presence-table.ts';
import { decodePresence, type PresenceMessage } from './presence-wire.ts';

/** As on a stream (presence-session.ts), milliseconds. */
const ROUND_MS = 10_000;
const URGENT_MS = 1_000;
/** Nobody can ask for what it missed, so everything is told again so often, milliseconds. */
const WHOLE_MS = 60_000;
/** What is told passes every router of the home: so many bytes at once, and so many a second after that. */
const BURST_BYTES = 64 * 1024;
const BYTES_PER_SECOND = 2 * 1024;

export interface PresenceGossipOptions {
  readonly feed: PresenceFeed;
  readonly table: PresenceTable;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Hands one message to everybody who is connected; they pass it on. */
  readonly publish: (message: Uint8Array) => void;
  readonly signal: () => AbortSignal;
}

/** How far we follow what one member tells. */
interface Follower {
  seq: number;
  /** Everything since the last whole statement began was heard. */
  whole: boolean;
}

/**
 * Presence for members that no connection leads to: routers that cannot reach each other, and those that link choice leaves
 * unlinked in a large home. The same messages as on a stream, gossiped; gossip's signature is the author's, so nobody can speak
 * for another. Nothing is sent while everybody who is heard of is connected.
 */
export class PresenceGossip {
  readonly #options: PresenceGossipOptions;
  readonly #pace: Pace;
  readonly #followers = new Map<PeerKey, Follower>();
  /** Whom the last turn was for. */
  #far: ReadonlySet<PeerKey> = new Set();
  #seq = 0;
  #cursor = 0;
  #saidAt = Number.NEGATIVE_INFINITY;
  #wholeAt = Number.NEGATIVE_INFINITY;
  /** Nothing before this, monotonic milliseconds. */
  #notBefore = 0;
  #sending = false;

  constructor(options: PresenceGossipOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, BURST_BYTES, BYTES_PER_SECOND);
  }

  /** Says what is new to members out of reach, if there are any and its turn has come. */
  say(far: ReadonlySet<PeerKey>): void {
    const { feed, clock, counters } = this.#options;
    const newcomer = [...far].some((peer) => !this.#far.has(peer));
    this.#far = far;
    // That there is nothing each knows who was told nothing; what was told before goes with the next whole statement.
    if (newcomer && !feed.isEmpty) this.#cursor = 0;
    const now = clock.monotonic();
    if (far.size === 0 || this.#sending || now < this.#notBefore) return;
    if (now - this.#wholeAt >= WHOLE_MS) this.#cursor = 0;
    const since = this.#cursor === 0 ? this.#wholeAt : this.#saidAt;
    const turn = this.#cursor !== 0 && feed.isUrgent(this.#cursor) ? URGENT_MS : ROUND_MS;
    const news = now - since >= turn ? feed.since(this.#cursor) : undefined;
    if (news === undefined) return;
    this.#saidAt = now;
    if (news.anew) this.#wholeAt = now;
    this.#cursor = news.version;
    counters.add('presence.gossiped');
    void this.#send(statementOf(news, now, this.#seq));
  }

  /**
   * A member's message, which came by way of others. `known`: it tells us the same itself. Every good one is passed on: who
   * lacks it is not known here.
   */
  heard(author: PeerKey, bytes: Uint8Array, known: boolean): GossipVerdict {
    const decoded = decodePresence(bytes);
    if (!decoded.ok || decoded.value.again) return 'reject';
    if (known) this.#followers.delete(author);
    else this.#follow(author, decoded.value);
    return 'accept';
  }

  /** Forgets how far it follows whom this does not hold of. */
  keep(isWanted: (peer: PeerKey) => boolean): void {
    for (const peer of this.#followers.keys()) if (!isWanted(peer)) this.#followers.delete(peer);
  }

  /** Messages may be lost or come in another order: then the end of a statement proves nothing until the next whole one. */
  #follow(author: PeerKey, message: PresenceMessage): void {
    const { table, counters } = this.#options;
    const follower = this.#followers.get(author);
    if (message.anew) this.#followers.set(author, { seq: message.seq, whole: true });
    else if (follower === undefined || message.seq <= follower.seq) return;
    else {
      follower.whole &&= message.seq === follower.seq + 1;
      follower.seq = message.seq;
    }
    const whole = this.#followers.get(author)?.whole === true;
    const taken = table.take(author, whole ? message : { ...message, end: 0 });
    if (taken === 'gap' || !whole) counters.add('presence.gossip_gaps');
  }

  async #send(messages: Iterable<Uint8Array>): Promise<void> {
    const { clock, counters, publish, signal } = this.#options;
    this.#sending = true;
    try {
      for (const message of messages) {
        this.#seq += 1;
        counters.add('presence.gossip_bytes_out', message.length);
        publish(message);
        this.#notBefore = clock.monotonic() + this.#pace.take(message.length);
        // Everybody else has their turn between two.
        await clock.sleep(0, signal());
      }
    } catch {
      // The agent stops.
      this.#cursor = 0;
    }
    this.#sending = false;
  }
}
