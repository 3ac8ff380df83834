import type { Clock } from '../clock.ts';

/** A token bucket: so much at once, and so much a second after that. */
export class Pace {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, burst: number, perSecond: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#at = clock.monotonic();
  }

  /** Takes so much out, also below nothing; answers how long to wait until it is made up for, milliseconds. */
  take(amount: number): number {
    this.#fill();
    this.#tokens -= amount;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1_000;
  }

  /** Takes so much out if it is there. */
  allows(amount: number): boolean {
    this.#fill();
    if (this.#tokens < amount) return false;
    this.#tokens -= amount;
    return true;
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
  }
}
