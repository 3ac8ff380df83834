import type { Clock } from '../../clock.ts';

/**
 * What may be given to the disk: every byte is written once, in appends of some 20 kB, so that the blocks of the file system
 * make it a little more (measured: docs/benchmarks.md). The rest of 10 MB a day is for the totals and the nodes.
 */
const BYTES_PER_DAY = 6_000_000;
const MOST = 1_500_000;
const AT_FIRST = 250_000;

/** Flash wears: an allowance of bytes that grows with time, whatever a home does. */
export class Wear {
  readonly #clock: Clock;
  #left = AT_FIRST;
  #at: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.monotonic();
  }

  /** Bytes that may be written now; below zero when more was written than allowed. */
  left(): number {
    const now = this.#clock.monotonic();
    this.#left = Math.min(MOST, this.#left + ((now - this.#at) * BYTES_PER_DAY) / 86_400_000);
    this.#at = now;
    return this.#left;
  }

  spend(bytes: number): void {
    this.#left = this.left() - bytes;
  }
}
