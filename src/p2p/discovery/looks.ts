import type { Clock } from '../../clock.ts';
import { Pace } from '../pace.ts';

/** Datagrams of one source that are looked into: a router of the home says a few at its start, then one a second at most. */
const SOURCE = { burst: 20, perSecond: 5 };
/** And of all together. */
const ALL = { burst: 200, perSecond: 200 };
/** The sources that have a rate of their own; the one that came first goes first. */
const MAX_SOURCES = 256;

/** How many datagrams are looked into: who floods is not heard for a while, the others on its subnet are. */
export class Looks {
  readonly #clock: Clock;
  readonly #all: Pace;
  readonly #sources = new Map<string, Pace>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#all = new Pace(clock, ALL.burst, ALL.perSecond);
  }

  /** Whether one more of this source is to be looked into now. */
  allows(source: string): boolean {
    let pace = this.#sources.get(source);
    if (pace === undefined) {
      pace = new Pace(this.#clock, SOURCE.burst, SOURCE.perSecond);
      const first = this.#sources.size >= MAX_SOURCES ? this.#sources.keys().next().value : undefined;
      if (first !== undefined) this.#sources.delete(first);
      this.#sources.set(source, pace);
    }
    return pace.allows(1) && this.#all.allows(1);
  }
}
