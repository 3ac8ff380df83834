/** As Linux has them, milliseconds (TCP_RTO_MIN, TCP_RTO_MAX, TCP_TIMEOUT_INIT). */
const MIN_MS = 200;
const MAX_MS = 120_000;
const INITIAL_MS = 1_000;

/**
 * The retransmission time-out (RFC 6298 with Linux's floor under the deviation). With time stamps a sample is taken of
 * retransmitted data too (RFC 7323), and where the acknowledgement of what arrived was lost it counts from the first copy: that
 * is how loss makes a connection on a LAN wait for seconds.
 */
export class RetransmissionTimeout {
  #smoothed: number | undefined;
  #deviation = 0;
  #variation = 0;

  /** A round trip was measured, milliseconds. */
  sample(ms: number): void {
    if (this.#smoothed === undefined) {
      this.#smoothed = ms;
      this.#deviation = ms / 2;
      this.#variation = Math.max(MIN_MS / 4, ms / 2);
      return;
    }
    const error = ms - this.#smoothed;
    this.#smoothed += error / 8;
    this.#deviation += (Math.abs(error) - this.#deviation) / 4;
    const floor = Math.max(MIN_MS / 4, this.#deviation);
    // Up at once, down by quarters.
    this.#variation = floor > this.#variation ? floor : this.#variation - (this.#variation - floor) / 4;
  }

  get smoothedMs(): number {
    return this.#smoothed ?? INITIAL_MS;
  }

  /** After so many time-outs in a row, milliseconds. */
  after(backoff: number): number {
    const base = this.#smoothed === undefined ? INITIAL_MS : this.#smoothed + 4 * this.#variation;
    return Math.min(MAX_MS, base * 2 ** backoff);
  }
}
