import type { Clock } from '../clock.ts';
import { Bucket, type BucketLimits } from './bucket.ts';

/** More callers than this share the common bucket alone. */
const MAX_CALLERS = 64;
/** A caller's own share of what all have together. */
const SHARE = 0.1;

/**
 * A bucket for all, and a small one for each, from both of which is taken: when one caller has emptied the first (an automation
 * gone mad), another one still finds something in his own.
 */
export class FairBucket {
  readonly #clock: Clock;
  readonly #limits: BucketLimits;
  readonly #all: Bucket;
  readonly #own = new Map<string, Bucket>();
  #refused = 0;

  constructor(clock: Clock, limits: BucketLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#all = new Bucket(clock, limits);
  }

  /** How often there was nothing left. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes one for this caller. @returns 0, or after how many seconds there is one for him again */
  take(caller: string): number {
    const own = this.#ownOf(caller)?.take() ?? Number.POSITIVE_INFINITY;
    const all = this.#all.take();
    if (own === 0 || all === 0) return 0;
    this.#refused += 1;
    return Math.min(all, own);
  }

  #ownOf(caller: string): Bucket | undefined {
    const known = this.#own.get(caller);
    if (known !== undefined) return known;
    if (this.#own.size >= MAX_CALLERS)
      for (const [name, bucket] of this.#own) if (bucket.isFull) this.#own.delete(name);
    if (this.#own.size >= MAX_CALLERS) return undefined;
    const { burst, perHour } = this.#limits;
    const bucket = new Bucket(this.#clock, { burst: Math.ceil(burst * SHARE), perHour: perHour * SHARE });
    this.#own.set(caller, bucket);
    return bucket;
  }
}
