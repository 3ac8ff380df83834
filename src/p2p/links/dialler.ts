import type { Clock, Timer } from '../../clock.ts';
import { messageOf, TemporaryError } from '../../errors.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import type { Overlay } from '../overlay.ts';
import type { Attempt, DialPlan, DialWays, Outcome, Wish } from './dial-plan.ts';

export interface DiallerOptions {
  readonly overlay: Overlay;
  readonly plan: DialPlan;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly trusted: (peer: PeerKey) => boolean;
  readonly onFailed: (peer: PeerKey, error: string) => void;
  /** Its machine answers, and nobody listens there. */
  readonly onRefused: (peer: PeerKey) => void;
}

const MAX_DIALS = 16;
/** So many always: a few that answer and then say nothing must not keep us from the rest. */
const MIN_DIALS = 4;
const STEP_MS = 100;
/** As long as the other end gives a handshake (overlay.ts), and the wait before it. */
const MAX_DIAL_MS = 10_000;
/** The name of libp2p's error when a dial reached the dialler itself. */
const SELF_ERROR = 'Can not dial self';

/** Dials what the plan says, for ever: libp2p gives up after about a minute (overlay.md). */
export class Dialler {
  readonly #options: DiallerOptions;
  readonly #running = new Set<Promise<void>>();
  /**
   * So many at once: half as many after each that was answered and did not come through, one more after each that did. Where all
   * begin at once on busy machines, handshakes otherwise run out of time together, again and again (TCP's rule: RFC 5681).
   */
  #most = MAX_DIALS;

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** Begins what is due now. */
  dial(wishes: readonly Wish[], how: DialWays, signal: AbortSignal): void {
    const { plan, clock } = this.#options;
    const max = Math.max(0, this.#most - this.#running.size);
    for (const attempt of plan.due(clock.monotonic(), wishes, { ...how, max })) {
      const work = this.#try(attempt, signal).then((outcome) => {
        this.#running.delete(work);
        plan.ended(attempt, outcome, clock.monotonic());
      });
      this.#running.add(work);
    }
  }

  /** Ends when all attempts have ended: their signal aborts before. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #try(attempt: Attempt, signal: AbortSignal): Promise<Outcome> {
    const { counters, trusted, onFailed, onRefused } = this.#options;
    counters.add('dial.attempts');
    if (attempt.beside) counters.add('dial.beside');
    let reached = false;
    try {
      const peer = await this.#reach(attempt, signal, () => {
        reached = true;
      });
      this.#most = Math.min(MAX_DIALS, this.#most + 1);
      // A dial resolves even where the gater closed the connection.
      if (peer !== undefined && trusted(peer)) return { kind: 'answered', peer };
      return { kind: 'failed' };
    } catch (error) {
      counters.add('dial.failed');
      if (reached) this.#most = Math.max(MIN_DIALS, Math.floor(this.#most / 2));
      const message = messageOf(error);
      if (message.includes(SELF_ERROR)) return { kind: 'self' };
      if (attempt.peer === undefined) return { kind: 'failed' };
      onFailed(attempt.peer, message);
      if (isRefused(error)) {
        counters.add('dial.refused');
        onRefused(attempt.peer);
      }
      return { kind: 'failed' };
    }
  }

  /**
   * The connection must be accepted by the attempt's deadline, counted in steps, so that a process which stalls waits longer;
   * then the handshake gets the time that a slow or busy machine needs.
   */
  async #reach(attempt: Attempt, signal: AbortSignal, onReached: () => void): Promise<PeerKey | undefined> {
    const { overlay, clock } = this.#options;
    const silent = new AbortController();
    let left = attempt.deadlineMs / STEP_MS;
    let timer: Timer | undefined;
    const wait = () => {
      timer = clock.after(STEP_MS, () => {
        left -= 1;
        if (left > 0) wait();
        else silent.abort(new TemporaryError(`dial: no answer within ${attempt.deadlineMs} ms`));
      });
    };
    wait();
    const either = AbortSignal.any([signal, silent.signal]);
    try {
      return await within(clock, MAX_DIAL_MS, either, 'dial', (own) =>
        overlay.dial(attempt.address, attempt.peer, own, {
          beside: attempt.beside,
          onReached: () => {
            timer?.clear();
            onReached();
          },
        }),
      );
    } finally {
      timer?.clear();
    }
  }
}

/** True when the other machine itself said that nobody listens (RFC 9293, 3.5.2: a reset in answer to a SYN). */
export function isRefused(error: unknown, depth = 4): boolean {
  if (!(error instanceof Error) || depth === 0) return false;
  if ('code' in error && error.code === 'ECONNREFUSED') return true;
  if (error instanceof AggregateError) return error.errors.some((one) => isRefused(one, depth - 1));
  return isRefused(error.cause, depth - 1);
}
