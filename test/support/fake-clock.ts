import type { Clock, Timer } from '../../src/clock.ts';

/** A clock that stands still until `advance()` is called. Wall and monotonic time can be set apart. */
export class FakeClock implements Clock {
  #mono = 0;
  #wallOffset: number;
  #next = 0;
  readonly #timers = new Map<number, { at: number; run: () => void }>();

  constructor(wall = 1_700_000_000_000) {
    this.#wallOffset = wall;
  }

  now(): number {
    return this.#wallOffset + this.#mono;
  }

  monotonic(): number {
    return this.#mono;
  }

  /** Sets the wall clock, leaving monotonic time alone. */
  setWall(ms: number): void {
    this.#wallOffset = ms - this.#mono;
  }

  after(ms: number, run: () => void): Timer {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#mono + ms, run });
    return { clear: () => void this.#timers.delete(id) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const ended = () => {
        timer.clear();
        reject(signal?.reason);
      };
      const timer = this.after(ms, () => {
        // A loop of a test may sleep 100,000 times on one signal.
        signal?.removeEventListener('abort', ended);
        resolve();
      });
      signal?.addEventListener('abort', ended);
    });
  }

  /** Moves time on, running timers in order, and lets promises settle between them. */
  async advance(ms: number): Promise<void> {
    const end = this.#mono + ms;
    for (;;) {
      let due: [number, { at: number; run: () => void }] | undefined;
      for (const entry of this.#timers) {
        if (entry[1].at <= end && (due === undefined || entry[1].at < due[1].at)) due = entry;
      }
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#mono = Math.max(this.#mono, due[1].at);
      due[1].run();
      await settle();
    }
    this.#mono = end;
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
