import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Counters } from './counters.ts';
import { within } from './deadline.ts';
import type { Attempt, DialBook, Outcome } from './dial-book.ts';
import type { Overlay } from './overlay.ts';

export interface RedialOptions {
  readonly overlay: Overlay;
  readonly book: DialBook;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Members, and sponsors while joining, without ourselves. */
  readonly wanted: () => readonly PeerKey[];
  readonly trusted: (peer: PeerKey) => boolean;
  /** Our replica does not know ourselves as a member yet. */
  readonly joining: () => boolean;
  readonly onFailed: (peer: PeerKey, error: string) => void;
}

const TICK_MS = 100;
/** Kept short: a SYN that was sent into a cut is not waited for after the cut has healed. */
const DIAL_MS = 1_000;
const MAX_DIALS = 16;
/** The name of libp2p's error when a dial reached the dialler itself. */
const SELF_ERROR = 'Can not dial self';

/** Redials members for ever: libp2p gives up after about a minute (overlay.md). */
export class Redial {
  readonly #options: RedialOptions;
  readonly #running = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: RedialOptions) {
    this.#options = options;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#timer?.clear();
    await Promise.allSettled(this.#running);
  }

  #tick(): void {
    if (this.#signal.aborted) return;
    const { overlay, book, clock, wanted, joining } = this.#options;
    const lacking = wanted().filter((peer) => overlay.connections(peer).length === 0);
    const free = MAX_DIALS - this.#running.size;
    for (const attempt of book.due(clock.monotonic(), lacking, free, joining())) {
      const work = this.#dial(attempt).then((outcome) => {
        this.#running.delete(work);
        book.ended(attempt, outcome, clock.monotonic());
      });
      this.#running.add(work);
    }
    this.#timer = clock.after(TICK_MS, () => this.#tick());
  }

  async #dial(attempt: Attempt): Promise<Outcome> {
    const { overlay, clock, counters, trusted, onFailed } = this.#options;
    counters.add('dial.attempts');
    try {
      const peer = await within(clock, DIAL_MS, this.#signal, 'dial', (signal) =>
        overlay.dial(attempt.address, attempt.peer, signal),
      );
      // A dial resolves even where the gater closed the connection.
      if (peer !== undefined && trusted(peer)) return { kind: 'answered', peer };
      return { kind: 'failed' };
    } catch (error) {
      counters.add('dial.failed');
      const message = messageOf(error);
      if (message.includes(SELF_ERROR)) return { kind: 'self' };
      if (attempt.peer !== undefined) onFailed(attempt.peer, message);
      return { kind: 'failed' };
    }
  }
}
