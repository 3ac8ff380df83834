import type { Clock } from '../clock.ts';
import type { PeerKey } from '../policy/crypto.ts';

/** What a peer's wall clock says, against ours. */
export interface PeerClock {
  /** So far it is ahead of ours, milliseconds; negative when it is behind. */
  readonly offsetMs: number;
  /** Whether the peer itself trusts it. */
  readonly trusted: boolean;
}

/** The latest time that there is, Unix milliseconds (ECMA-262, 21.4.1.1: the range of time values). */
const MAX_TIME_MS = 8.64e15;
const MAX_PEERS = 4_096;

/**
 * The wall clocks of the peers that are alive, as their keep-alives tell them. Kept against our monotonic clock, so that
 * a jump of our own wall clock shows at once and in every offset.
 */
export class PeerClocks {
  readonly #clock: Clock;
  /** Its wall time at the beginning of our monotonic time. */
  readonly #said = new Map<PeerKey, { readonly epochMs: number; readonly trusted: boolean }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A keep-alive came that was sent when the peer's clock was at `clock` (Unix ms; 0: it does not say). It was on its way
   * for half the round trip; one that is not known yet counts as none.
   */
  heard(
    peer: PeerKey,
    frame: { readonly clock: number; readonly trusted: boolean },
    rttMs: number | undefined,
  ): void {
    if (frame.clock <= 0 || frame.clock > MAX_TIME_MS) {
      this.#said.delete(peer);
    } else if (this.#said.has(peer) || this.#said.size < MAX_PEERS) {
      const epochMs = frame.clock + (rttMs ?? 0) / 2 - this.#clock.monotonic();
      this.#said.set(peer, { epochMs, trusted: frame.trusted });
    }
  }

  /** Undefined when it has not said, or is down. */
  of(peer: PeerKey): PeerClock | undefined {
    const said = this.#said.get(peer);
    if (said === undefined) return undefined;
    const offsetMs = Math.round(said.epochMs + this.#clock.monotonic() - this.#clock.now());
    return { offsetMs, trusted: said.trusted };
  }

  forget(peer: PeerKey): void {
    this.#said.delete(peer);
  }
}
