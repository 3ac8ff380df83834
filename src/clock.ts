import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** A timer that can be cleared; clearing twice is harmless. */
export interface Timer {
  clear(): void;
}

/** All time that the project reads passes through here, so that tests can advance it. */
export interface Clock {
  /** Wall time, Unix milliseconds. It may be wrong and may jump: for people and audit only. */
  now(): number;
  /** Monotonic milliseconds with fractions, from an arbitrary start. */
  monotonic(): number;
  /** Calls `run` once after `ms` milliseconds. Does not keep the process alive. */
  after(ms: number, run: () => void): Timer;
  /** Resolves after `ms` milliseconds, rejects when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return { clear: () => clearTimeout(timer) };
  },
  sleep: (ms, signal) => delay(ms, undefined, { ref: false, ...(signal ? { signal } : {}) }),
};

/** A moment of one boot of this machine, which neither a restart of the agent nor a wrong clock moves. */
export interface BootMoment {
  /** Names the boot (random(4), `boot_id`). */
  readonly boot: string;
  /** Milliseconds since it, suspension included (clock_gettime(2), `CLOCK_BOOTTIME`). */
  readonly ms: number;
}

/** Tells the moment; undefined where the machine does not name its boots. */
export type BootTime = () => BootMoment | undefined;

export const systemBootTime: BootTime = () => {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return { boot, ms: Math.round(uptime() * 1000) };
  } catch {
    return undefined;
  }
};

/** Keeps the process alive until it is cleared; the clock's own timers do not. */
export function keepProcessAlive(): Timer {
  const timer = setInterval(() => undefined, 2 ** 30);
  return { clear: () => clearInterval(timer) };
}

export interface RepeatOptions {
  clock: Clock;
  signal: AbortSignal;
  /** Pause between the end of one run and the start of the next, milliseconds. */
  everyMs: number;
  /** Share of the pause that is random, 0 to 1. Default 0.1. */
  jitter?: number;
  /** After failures the pause doubles up to this many milliseconds. Default `everyMs` (no back-off). */
  maxMs?: number;
  /** 0 ≤ random < 1; default Math.random. */
  random?: () => number;
  /** Told of every failure, with the number of failures in a row. */
  onFailure?: (error: unknown, inARow: number) => void;
}

/**
 * The one loop of the project: never overlapping, jittered, counting failures, backing off.
 * Ends when the signal aborts; never rejects.
 */
export async function repeat(
  run: (signal: AbortSignal) => Promise<void>,
  options: RepeatOptions,
): Promise<void> {
  const { clock, signal, everyMs, jitter = 0.1, maxMs = everyMs, random = Math.random } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await run(signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      options.onFailure?.(error, failures);
    }
    const base = Math.min(Math.max(maxMs, everyMs), everyMs * 2 ** Math.min(failures, 20));
    try {
      await clock.sleep(base * (1 - jitter + 2 * jitter * random()), signal);
    } catch {
      return;
    }
  }
}

export interface CoalesceOptions {
  clock: Clock;
  /** Runs after this many milliseconds without a further notice. */
  quietMs: number;
  /** Runs at the latest this many milliseconds after the first notice. */
  maxMs: number;
}

/** Many notices, one run: `notify()` as often as one likes, `run` follows after a quiet period or the maximum. */
export class Coalesce {
  readonly #run: () => void;
  readonly #options: CoalesceOptions;
  #timer: Timer | undefined;
  #first = 0;

  constructor(run: () => void, options: CoalesceOptions) {
    this.#run = run;
    this.#options = options;
  }

  notify(): void {
    const { clock, quietMs, maxMs } = this.#options;
    const now = clock.monotonic();
    if (this.#timer === undefined) this.#first = now;
    else this.#timer.clear();
    const wait = Math.max(0, Math.min(quietMs, this.#first + maxMs - now));
    this.#timer = clock.after(wait, () => {
      this.#timer = undefined;
      this.#run();
    });
  }

  /** Drops a run that is waiting. */
  cancel(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }
}
