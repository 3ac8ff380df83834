import type { Clock } from '../../clock.ts';

/** Milliseconds. */
export const HOUR = 3_600_000;
/** A clock that has been right for so long may say what is old, milliseconds. */
const STEADY = 6 * HOUR;
/** A wall clock that runs apart from the monotonic one by more has jumped, milliseconds. */
const JUMP = 5 * 60_000;
/** A clock that nobody vouches for is believed when it says that so little time has passed since what is kept, milliseconds. */
const BELIEVED = 60 * 24 * HOUR;

export interface HourReading {
  /** Hours since 1970 (UTC). */
  readonly hour: number;
  /** False when nobody knew what time it was: the hour is a guess. */
  readonly sure: boolean;
}

/**
 * In which hour something is put down. The wall clock counts while it is trusted; once it was, hours go on by the monotonic
 * clock, whatever the wall clock says. Before that the hour is a guess: what the wall clock says when it is not long after
 * what is kept already, otherwise as if the router had not been off at all.
 */
export class HourClock {
  readonly #clock: Clock;
  readonly #trusted: () => boolean;
  readonly #born: number;
  /** Wall time less monotonic time, when the wall clock was last trusted. */
  #offset: number | undefined;
  #newestKept: number | undefined;
  /** Since when the wall clock is trusted and did not jump, by the monotonic clock. */
  #steadySince: number | undefined;

  constructor(clock: Clock, trusted: () => boolean) {
    this.#clock = clock;
    this.#trusted = trusted;
    this.#born = clock.monotonic();
  }

  /** The newest hour that is kept from before the start. */
  keeps(hour: number): void {
    this.#newestKept = hour;
  }

  /** What hour it is, when the wall clock has been trusted for long without a jump; undefined otherwise. */
  steady(): number | undefined {
    const { hour } = this.now();
    const since = this.#steadySince ?? Number.POSITIVE_INFINITY;
    return this.#clock.monotonic() - since >= STEADY ? hour : undefined;
  }

  now(): HourReading {
    const monotonic = this.#clock.monotonic();
    const wall = this.#clock.now();
    if (this.#trusted()) {
      const offset = wall - monotonic;
      const jumped = this.#offset !== undefined && Math.abs(offset - this.#offset) > JUMP;
      this.#steadySince = jumped ? monotonic : (this.#steadySince ?? monotonic);
      this.#offset = offset;
    } else this.#steadySince = undefined;
    if (this.#offset !== undefined) return { hour: hourOf(this.#offset + monotonic), sure: true };
    if (this.#newestKept === undefined) return { hour: hourOf(wall), sure: false };
    const last = this.#newestKept * HOUR;
    const believed = wall >= last && wall < last + BELIEVED;
    return { hour: hourOf(believed ? wall : last + monotonic - this.#born), sure: false };
  }
}

function hourOf(at: number): number {
  return Math.max(0, Math.floor(at / HOUR));
}
