import type { Clock } from '../clock.ts';

export interface BucketLimits {
  readonly perHour: number;
  readonly burst: number;
}

/** A token bucket: `burst` at once, then `perHour`. What does not fit is refused and counted, never kept waiting. */
export class Bucket {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perMs: number;
  #level: number;
  #at: number;
  #refused = 0;

  constructor(clock: Clock, limits: BucketLimits) {
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

  /** Nothing was taken that has not come back. */
  get isFull(): boolean {
    this.#fill();
    return this.#level >= this.#burst;
  }

  /** Takes one. @returns 0, or after how many seconds there is one again */
  take(): number {
    this.#fill();
    if (this.#level >= 1) {
      this.#level -= 1;
      return 0;
    }
    this.#refused += 1;
    return Math.ceil((1 - this.#level) / this.#perMs / 1000);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#level = Math.min(this.#burst, this.#level + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}
