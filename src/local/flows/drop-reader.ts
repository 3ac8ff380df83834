import { type Clock, repeat } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Service } from '../../service.ts';
import type { Counter } from '../enforce/backend.ts';
import type { SourceHealth } from '../observe/facts.ts';
import type { Drops } from './drops.ts';
import type { Drop } from './flow.ts';

export interface DropReaderOptions {
  clock: Clock;
  /** The kernel's counters (`Enforcer.counters`); undefined when they cannot be told now. */
  read: (signal: AbortSignal) => Promise<readonly Counter[] | undefined>;
  drops: Drops;
  onDrop: (drop: Drop) => void;
  /** Between readings, default 5 s; three times as long while nothing is dropped. */
  everyMs?: number;
}

/** A reading that found nothing new makes the next so many wait. */
const QUIET_ROUNDS = 2;

/** Reads what blocks have dropped, again and again. */
export class DropReader implements Service {
  readonly name = 'drops';
  readonly #options: DropReaderOptions;
  #failures = 0;
  #waiting = 0;
  #lastError: string | undefined;
  #stopper: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(options: DropReaderOptions) {
    this.#options = options;
  }

  health(): SourceHealth {
    return {
      name: this.name,
      running: this.#running !== undefined && this.#lastError === undefined,
      restarts: 0,
      counters: { ...this.#options.drops.counters, failures: this.#failures },
      lastError: this.#lastError,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stopper = new AbortController();
    this.#running = repeat((inner) => this.#round(inner), {
      clock: this.#options.clock,
      signal: AbortSignal.any([signal, this.#stopper.signal]),
      everyMs: this.#options.everyMs ?? 5_000,
      maxMs: 60_000,
      onFailure: (error) => {
        this.#failures += 1;
        this.#lastError = messageOf(error);
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopper?.abort();
    await this.#running;
    this.#running = undefined;
  }

  async #round(signal: AbortSignal): Promise<void> {
    if (this.#waiting > 0) {
      this.#waiting -= 1;
      return;
    }
    const { clock, read, drops, onDrop } = this.#options;
    const counters = await read(signal);
    this.#lastError = undefined;
    if (counters === undefined) return;
    const news = drops.take(counters, clock.monotonic());
    // Where nothing is blocked a reading costs nothing, and the first drops should be seen soon.
    if (news.length === 0 && counters.length > 0) this.#waiting = QUIET_ROUNDS;
    for (const drop of news) onDrop(drop);
  }
}
