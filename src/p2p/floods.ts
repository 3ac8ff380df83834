import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Counters } from './counters.ts';
import { Pace } from './pace.ts';

/** A member that is above its rate, or was a moment ago. */
export interface Flooding {
  readonly sinceMs: number;
  /** Ops, registers and keep-alives above its rate so far: not looked at, and slowed in sync. */
  readonly count: number;
}

/**
 * So many ops a second a member may make us verify all the time, and so many at once. A gossiped op costs a receiver about
 * 3 ms of a busy core (measured; three quarters of it are libp2p's own signatures and ciphers, for every copy).
 */
export const FLOOD_RATE = 50;
export const FLOOD_BURST = 1_000;
/** So many ops a member may bring by sync before its first session has ended: what it wrote before we heard it. */
export const HISTORY_OPS = 250_000;
/**
 * So many keep-alives a second of a member are read, and so many at once. A member at rest sends one in 1.5 s; one whose kernel
 * follows a thousand changes one by one some hundreds in a few seconds, and none of those may be lost.
 */
export const SPEECH_RATE = 200;
export const SPEECH_BURST = 2_000;
/** An op costs one more for each of these, bytes. */
const BYTES_PER_OP = 4_096;
/** So long after the last op above the rate a flood is over, milliseconds. */
const CALM_MS = 60_000;
/** The log tells of floods at most this often, milliseconds. */
const LOG_MS = 60_000;
const MAX_PEERS = 4_096;
/** Peers beyond {@link MAX_PEERS} share one bucket. */
const THE_REST: PeerKey = '';

interface Bucket {
  tokens: number;
  at: number;
  history: number;
  readonly speech: Pace;
  flood: { readonly since: number; last: number; count: number } | undefined;
}

export interface FloodsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

/**
 * What each member makes us verify, in a token bucket per member. `admit()` never refuses by rate, so nothing is lost
 * here: above the rate gossip is not looked at (sync brings it), and sync is slowed between chunks (sync-admission.ts).
 *
 * What is history and what is a flood cannot be told from the ops: a home of one busy router has all its years by one
 * author, and `at` is a claim. So the rule is about us: **until our first session with a member has come to its end,
 * what it brings is history**, up to {@link HISTORY_OPS} of its own; after that only the bucket counts. What it brings of
 * other authors is free always, a member is blamed for its own alone.
 */
export class Floods {
  readonly #options: FloodsOptions;
  readonly #buckets = new Map<PeerKey, Bucket>();
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: FloodsOptions) {
    this.#options = options;
  }

  /** Whether nothing more of this member is to be verified now; when so, it is counted as one more above its rate. */
  above(peer: PeerKey): boolean {
    const bucket = this.#bucket(peer);
    if (bucket.tokens >= 1) return false;
    this.#over(peer, bucket);
    return true;
  }

  /** It made us verify so many bytes that came by gossip. */
  gossiped(peer: PeerKey, bytes: number): void {
    const bucket = this.#bucket(peer);
    bucket.tokens = Math.max(0, bucket.tokens - costOf(bytes));
  }

  /** The same by sync. True when it is above its rate. */
  synced(peer: PeerKey, bytes: number): boolean {
    const bucket = this.#bucket(peer);
    const cost = costOf(bytes);
    if (bucket.history >= cost) {
      bucket.history -= cost;
      return false;
    }
    if (bucket.tokens >= cost) {
      bucket.tokens -= cost;
      return false;
    }
    bucket.tokens = 0;
    this.#over(peer, bucket);
    return true;
  }

  /** It sends a keep-alive. True when it is above its rate, which is counted: it is not to be looked at. */
  speaks(peer: PeerKey): boolean {
    const bucket = this.#bucket(peer);
    if (bucket.speech.allows(1)) return false;
    this.#over(peer, bucket);
    return true;
  }

  /** A session with it came to its end: from here on it brings news. */
  told(peer: PeerKey): void {
    this.#bucket(peer).history = 0;
  }

  of(peer: PeerKey): Flooding | undefined {
    const now = this.#options.clock.monotonic();
    const flood = this.#buckets.get(peer)?.flood;
    if (flood === undefined || now - flood.last >= CALM_MS) return undefined;
    return { sinceMs: now - flood.since, count: flood.count };
  }

  forget(peer: PeerKey): void {
    this.#buckets.delete(peer);
  }

  #over(peer: PeerKey, bucket: Bucket): void {
    const { clock, counters, log } = this.#options;
    const now = clock.monotonic();
    if (bucket.flood === undefined || now - bucket.flood.last >= CALM_MS) {
      bucket.flood = { since: now, last: now, count: 0 };
    }
    bucket.flood.last = now;
    bucket.flood.count += 1;
    counters.add('flood.over');
    if (now - this.#loggedAt < LOG_MS) return;
    this.#loggedAt = now;
    log.warn({ peer, count: bucket.flood.count }, 'a member writes more than its share and is slowed');
  }

  #bucket(peer: PeerKey): Bucket {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const key = this.#buckets.has(peer) || this.#buckets.size < MAX_PEERS ? peer : THE_REST;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      const speech = new Pace(clock, SPEECH_BURST, SPEECH_RATE);
      bucket = { tokens: FLOOD_BURST, at: now, history: HISTORY_OPS, speech, flood: undefined };
      this.#buckets.set(key, bucket);
    }
    bucket.tokens = Math.min(FLOOD_BURST, bucket.tokens + ((now - bucket.at) / 1_000) * FLOOD_RATE);
    bucket.at = now;
    return bucket;
  }
}

function costOf(bytes: number): number {
  return 1 + Math.floor(bytes / BYTES_PER_OP);
}
