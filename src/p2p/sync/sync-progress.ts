import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';

/** How far a long session has come, in ops. */
export interface Progress {
  readonly peer: PeerKey;
  readonly received: number;
  /** What the peer says it will send, or a guess until it has said. */
  readonly expected: number;
}

/** A session that brings more ops than this is a long one. */
const LONG_OPS = 500;
/** A long session gets so long to begin, milliseconds, */
const BEGIN_MS = 2_000;
/** and must then have brought so many ops a second, or it is not worth waiting for. A slow router does 500. */
const STEADY_OPS = 50;

/** The sessions that run, and what they have brought so far. One per peer at a time. */
export class SyncProgress {
  readonly #clock: Clock;
  readonly #sessions = new Map<PeerKey, { readonly began: number; received: number; expected: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  update(peer: PeerKey, received: number, expected: number): void {
    const began = this.#sessions.get(peer)?.began ?? this.#clock.monotonic();
    this.#sessions.set(peer, { began, received, expected });
  }

  ended(peer: PeerKey): void {
    this.#sessions.delete(peer);
  }

  /** Of the long sessions, the one that has brought most. */
  longest(): Progress | undefined {
    let longest: Progress | undefined;
    for (const [peer, { received, expected }] of this.#sessions) {
      if (expected <= LONG_OPS || received < (longest?.received ?? 0)) continue;
      longest = { peer, received, expected };
    }
    return longest;
  }

  /** Whether a long session brings ops so fast that its end is worth waiting for: a peer that drips is not. */
  steady(): boolean {
    const now = this.#clock.monotonic();
    return this.#sessions.values().some(({ began, received, expected }) => {
      const seconds = (now - began) / 1_000;
      return expected > LONG_OPS && (now - began < BEGIN_MS || received >= STEADY_OPS * seconds);
    });
  }
}
