import type { Clock } from '../../clock.ts';

/** Three keep-alives at the default tolerance: whoever is still there then needs us to ask, milliseconds. */
const LATELY_MS = 5_000;
const MAX_STATES = 64;

/**
 * The states that we were in a moment ago. A peer that says one of them is behind us and nothing else: gossip is on its way to it, or
 * its word was on its way to us. If neither, it sees our state and asks; we need not ask what it has.
 */
export class OurStates {
  readonly #clock: Clock;
  /** Until when each was ours; insertion order is age. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** We are in this state now. To be called often: what falls between is not known, and asked for as if it were another's. */
  note(state: string): void {
    this.#until.delete(state);
    this.#until.set(state, this.#clock.monotonic());
    const oldest = this.#until.size > MAX_STATES ? this.#until.keys().next().value : undefined;
    if (oldest !== undefined) this.#until.delete(oldest);
  }

  /** Whether we were in it within the last five seconds. */
  had(state: string): boolean {
    const until = this.#until.get(state);
    return until !== undefined && this.#clock.monotonic() - until < LATELY_MS;
  }
}
