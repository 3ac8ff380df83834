import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Drift } from './backend.ts';

/** While somebody changes our rules again and again it is logged this often, milliseconds. */
const LOG_EVERY_MS = 60_000;

/** The newest change of our part of the kernel by somebody else. */
export interface LastDrift extends Drift {
  readonly secondsAgo: number;
}

/** What others changed in our part of the kernel, and how often it was put right. */
export class DriftRecord {
  readonly #clock: Clock;
  readonly #log: Log;
  #waits = false;
  #repairs = 0;
  #last: { readonly drift: Drift; readonly at: number } | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** How often it was put right. */
  get repairs(): number {
    return this.#repairs;
  }

  get last(): LastDrift | undefined {
    if (this.#last === undefined) return undefined;
    const { drift, at } = this.#last;
    return { ...drift, secondsAgo: Math.round((this.#clock.monotonic() - at) / 1000) };
  }

  found(first: Drift, places: number): void {
    const now = this.#clock.monotonic();
    this.#waits = true;
    this.#last = { drift: first, at: now };
    this.#unlogged += 1;
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    this.#log.warn(
      { places, what: first.what, name: first.name, times: this.#unlogged },
      'something else changed our rules; putting them right',
    );
    this.#loggedAt = now;
    this.#unlogged = 0;
  }

  /** The kernel is as it should be. */
  repaired(): void {
    if (this.#waits) this.#repairs += 1;
    this.#waits = false;
  }

  /** Nothing is to be put right any more. */
  dropped(): void {
    this.#waits = false;
  }
}
