import type { Clock } from '../clock.ts';

/** A token bucket: `burst` at once, then `perHour`. What does not fit is refused and counted, never kept waiting. */
export class Bucket {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perMs: number;
  #level: number;
  #at: number;
  #refused = 0;

  constructor(clock: Clock, limits: { readonly perHour: number; readonly burst: number }) {
    this.#clock = clock;
    this.#burst = limits.burst;
    this.#perMs = limits.perHour / 3_600_000;
    this.#level = limits.burst;
    this.#at = clock.monotonic();
  }

  /** How often it was empty. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes one. @returns 0, or after how many seconds there is one again */
  take(): number {
    const now = this.#clock.monotonic();
    this.#level = Math.min(this.#burst, this.#level + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#level >= 1) {
      this.#level -= 1;
      return 0;
    }
    this.#refused += 1;
    return Math.ceil((1 - this.#level) / this.#perMs / 1000);
  }
}
