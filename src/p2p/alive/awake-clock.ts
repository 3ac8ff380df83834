import type { Clock } from '../../clock.ts';

/** A tick counts at most so much, however late it comes. */
const MAX_TICK_MS = 250;
/** The two clocks of the machine are read one after the other, and one of them in steps of 10 ms. */
const SUSPENDED_MS = 1_000;

/**
 * Time during which this process ran. After it was stopped or stalled a tick counts as one tick, so that silence which
 * nobody could have heard declares nobody down. The time of a suspended machine shows as `boot` running ahead of the
 * monotonic clock, which stands still meanwhile (clock_gettime(2): CLOCK_BOOTTIME against CLOCK_MONOTONIC).
 */
export class AwakeClock {
  readonly #clock: Clock;
  readonly #boot: () => number;
  #last: number;
  #ahead: number;
  #awake = 0;
  #suspended = 0;

  /** @param boot milliseconds since the machine was started, those in which it was suspended counted. */
  constructor(clock: Clock, boot: () => number = () => clock.monotonic()) {
    this.#clock = clock;
    this.#boot = boot;
    this.#last = clock.monotonic();
    this.#ahead = boot() - this.#last;
  }

  /** Awake milliseconds up to the last tick. */
  get now(): number {
    return this.#awake;
  }

  /** Milliseconds that have really passed, from an arbitrary start: for telling others how long ago something was. */
  get real(): number {
    return this.#clock.monotonic() + this.#suspended;
  }

  /** To be called every 100 ms. Answers for how long the machine was suspended since the last tick, milliseconds. */
  tick(): number {
    const now = this.#clock.monotonic();
    this.#awake += Math.min(MAX_TICK_MS, Math.max(0, now - this.#last));
    this.#last = now;
    const ahead = this.#boot() - now;
    const suspended = ahead - this.#ahead;
    if (suspended >= 0 && suspended < SUSPENDED_MS) return 0;
    this.#ahead = ahead;
    if (!(suspended > 0)) return 0;
    this.#suspended += suspended;
    return suspended;
  }
}
