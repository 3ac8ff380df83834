import type { Clock, Timer } from '../../clock.ts';
import { Pace } from '../pace.ts';
import type { SessionResult } from './sync-session.ts';

/** A session that has ended. */
export interface EndedSession extends SessionResult {
  /** When, monotonic milliseconds. */
  readonly at: number;
}

/** A session that runs. */
export interface RunningSession {
  readonly initiated: boolean;
  readonly abort: AbortController;
  /** Resolves with what came of it; with undefined when it did not begin. */
  readonly over: PromiseWithResolvers<SessionResult | undefined>;
}

/** The first pause after sessions in vain, doubling up to the second, milliseconds. */
const QUIET_MS = 250;
const MAX_PAUSE_MS = 30_000;
/** A member may begin so many sessions at once, and so many a second after that. */
const SESSIONS_BURST = 40;
const SESSIONS_PER_SECOND = 2;
/** What one member may be sent at once, bytes: a home of 200,000 ops. And so much a second after that. */
const SENT_BURST_BYTES = 64 * 1024 * 1024;
const SENT_BYTES_PER_SECOND = 128 * 1024;
/** What it may send that is of no use, bytes: two others that bring the same after a split. And so much a second. */
const WASTE_BURST_BYTES = 32 * 1024 * 1024;
const WASTE_BYTES_PER_SECOND = 64 * 1024;

/** What sync keeps of one member: the session that runs, what came of the last one, and how much it has had of us. */
export class SyncPartner {
  session: RunningSession | undefined;
  last: EndedSession | undefined;
  timer: Timer | undefined;
  /** Sessions in a row that brought nothing and left the difference: the more, the longer the pause. */
  inVain = 0;
  readonly #clock: Clock;
  readonly #begun: Pace;
  readonly #sent: Pace;
  readonly #waste: Pace;
  #lastEnd = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#begun = new Pace(clock, SESSIONS_BURST, SESSIONS_PER_SECOND);
    this.#sent = new Pace(clock, SENT_BURST_BYTES, SENT_BYTES_PER_SECOND);
    this.#waste = new Pace(clock, WASTE_BURST_BYTES, WASTE_BYTES_PER_SECOND);
  }

  /** Whether it may begin one more session now. */
  mayBegin(): boolean {
    return this.#begun.allows(1);
  }

  /** It is sent so many bytes: how long to wait before, milliseconds. */
  send(bytes: number): number {
    return this.#sent.take(bytes);
  }

  /** It sent so many bytes for nothing. True when that is more than chance brings. */
  wasted(bytes: number): boolean {
    return !this.#waste.allows(bytes);
  }

  /** How long to wait before a session of ours, at least `quietMs`, milliseconds. */
  waitMs(quietMs: number): number {
    const pause = this.inVain < 2 ? 0 : Math.min(MAX_PAUSE_MS, QUIET_MS * 2 ** (this.inVain - 1));
    return Math.max(quietMs, this.#lastEnd + pause - this.#clock.monotonic());
  }

  ended(session: RunningSession, result: SessionResult | undefined): void {
    // Another session may have taken this one's place.
    if (this.session === session) this.session = undefined;
    // One that was to compare, or gave way to another, was not to bring anything.
    if (result?.outcome !== 'compared' && !session.abort.signal.aborted) {
      const progress = result !== undefined && result.opsIn + result.registersIn > 0;
      this.inVain = progress ? 0 : Math.min(this.inVain + 1, 20);
      this.#lastEnd = this.#clock.monotonic();
      if (result !== undefined) this.last = { ...result, at: this.#lastEnd };
    }
    session.over.resolve(result);
  }
}
