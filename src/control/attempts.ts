import type { Clock } from '../clock.ts';

const WINDOW_MS = 60_000;
const PER_ADDRESS = 5;
const IN_ALL = 30;
/** After a wrong password the answer waits this long, then twice as long, and so on. */
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 4_000;
/** An address that has been quiet for so long begins anew. */
const FORGET_MS = 900_000;
const MAX_ADDRESSES = 1_000;

/** What is known of one address. Times are the clock's monotonic milliseconds. */
interface Tries {
  readonly at: number[];
  wrong: number;
  last: number;
}

/** Whether a password may be tried now. */
export type Turn =
  | { readonly ok: true /** How long to wait with the answer, if it is wrong. */; readonly waitMs: number }
  | { readonly ok: false; readonly retryAfterS: number };

/**
 * How often a password may be tried: 5 times a minute from one address and 30 times in all, each wrong one answered later
 * than the one before. Who sits at the router is not held up by what others do.
 */
export class Attempts {
  readonly #clock: Clock;
  readonly #tries = new Map<string, Tries>();
  #all: number[] = [];
  #refused = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Begins one. It counts until {@link right} takes it back. `address`: of a client, or its network. */
  begin(address: string, loopback: boolean): Turn {
    const now = this.#clock.monotonic();
    const tries = this.#of(address, now);
    forget(tries.at, now - WINDOW_MS);
    forget(this.#all, now - WINDOW_MS);
    const full =
      (tries.at.length >= PER_ADDRESS && tries.at) || (!loopback && this.#all.length >= IN_ALL && this.#all);
    if (full) {
      this.#refused += 1;
      return { ok: false, retryAfterS: Math.max(1, Math.ceil(((full[0] ?? now) + WINDOW_MS - now) / 1000)) };
    }
    tries.at.push(now);
    this.#all.push(now);
    tries.last = now;
    tries.wrong += 1;
    return { ok: true, waitMs: Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(20, tries.wrong - 1)) };
  }

  /** The one that was begun last from there was right. */
  right(address: string): void {
    const tries = this.#tries.get(address);
    const at = tries?.at.at(-1);
    this.#tries.delete(address);
    this.#all = this.#all.filter((time) => time !== at);
  }

  #of(address: string, now: number): Tries {
    const known = this.#tries.get(address);
    const tries =
      known !== undefined && now - known.last < FORGET_MS ? known : { at: [], wrong: 0, last: now };
    this.#tries.delete(address);
    this.#tries.set(address, tries);
    for (const oldest of this.#tries.keys()) {
      if (this.#tries.size <= MAX_ADDRESSES) break;
      this.#tries.delete(oldest);
    }
    return tries;
  }
}

/** Takes out times of before. They are in order. */
function forget(times: number[], before: number): void {
  const first = times.findIndex((time) => time > before);
  times.splice(0, first === -1 ? times.length : first);
}
