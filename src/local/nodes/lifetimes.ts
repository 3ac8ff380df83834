import type { Clock } from '../../clock.ts';
import type { Device } from './device-book.ts';
import type { Lifetime, Moment } from './node-memory.ts';

/**
 * When devices were first and last seen, over restarts. In one run the monotonic clock tells; between two runs only the wall
 * clock can, which may be wrong: nothing ends because of it unless it was trusted then and is trusted now.
 */
export class Lifetimes {
  readonly #clock: Clock;
  readonly #trusted: () => boolean;

  constructor(clock: Clock, trusted: () => boolean) {
    this.#clock = clock;
    this.#trusted = trusted;
  }

  of({ heard, seen, before }: Device): Lifetime {
    if (heard === undefined) return before;
    return { first: before.first ?? this.#moment(heard), last: this.#moment(seen) };
  }

  /** Monotonic milliseconds, possibly before this run; undefined when nothing is known of it having been seen. */
  lastSeen({ heard, seen, before: { last } }: Device): number | undefined {
    if (heard !== undefined) return seen;
    return last === undefined
      ? undefined
      : this.#clock.monotonic() - Math.max(0, this.#clock.now() - last.at);
  }

  /** For how long nothing was seen of it, milliseconds, as far as that is certain. */
  quietMs({ heard, seen, before: { last } }: Device): number {
    const inThisRun = this.#clock.monotonic() - seen;
    if (heard !== undefined || last?.trusted !== true || !this.#trusted()) return inThisRun;
    return Math.max(inThisRun, this.#clock.now() - last.at);
  }

  #moment(monotonic: number): Moment {
    const ago = this.#clock.monotonic() - monotonic;
    return { at: Math.round(this.#clock.now() - ago), trusted: this.#trusted() };
  }
}
