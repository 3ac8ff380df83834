import type { Clock } from '../../clock.ts';

/** Counters that wait for their echo, per stream; an echo comes with the other side's next frame. */
const MAX_WAITING = 32;

/**
 * The round trip out of two one-way streams of frames: each carries the counter of the newest frame received and how
 * long ago that was, so that nobody has to answer at once.
 */
export class RoundTrips {
  readonly #clock: Clock;
  readonly #sentAt = new Map<number, number>();
  #counter = 0;
  #newest = 0;
  #newestAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The fields of a frame that goes out now. */
  sending(): { readonly counter: number; readonly echo: number; readonly heldUs: number } {
    const now = this.#clock.monotonic();
    this.#counter += 1;
    this.#sentAt.set(this.#counter, now);
    const oldest = this.#sentAt.size > MAX_WAITING ? this.#sentAt.keys().next().value : undefined;
    if (oldest !== undefined) this.#sentAt.delete(oldest);
    const heldUs = this.#newest === 0 ? 0 : Math.max(0, Math.round((now - this.#newestAt) * 1000));
    return { counter: this.#counter, echo: this.#newest, heldUs };
  }

  /** A frame came; answers the round trip in milliseconds when it echoes one of ours for the first time. */
  received(frame: {
    readonly counter: number;
    readonly echo: number;
    readonly heldUs: number;
  }): number | undefined {
    const now = this.#clock.monotonic();
    this.#newest = frame.counter;
    this.#newestAt = now;
    const sentAt = this.#sentAt.get(frame.echo);
    if (sentAt === undefined) return undefined;
    for (const counter of this.#sentAt.keys()) if (counter <= frame.echo) this.#sentAt.delete(counter);
    return Math.max(0, now - sentAt - frame.heldUs / 1000);
  }
}
