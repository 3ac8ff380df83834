import type { Clock } from '../clock.ts';

interface Waiter {
  readonly version: number;
  done(applied: boolean): void;
}

/** Tells whoever waits when this router's own kernel has caught up. Versions count the admitted ops. */
export class KernelGate {
  readonly #clock: Clock;
  readonly #admitted: () => number;
  readonly #waiting = new Set<Waiter>();

  constructor(clock: Clock, admitted: () => number) {
    this.#clock = clock;
    this.#admitted = admitted;
  }

  /** The version that includes every op admitted so far. */
  get admitted(): number {
    return this.#admitted();
  }

  /** Resolves with true when this version is applied, with false after the time-out (milliseconds). */
  reached(version: number, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, () => waiter.done(false));
      const waiter: Waiter = {
        version,
        done: (applied) => {
          timer.clear();
          this.#waiting.delete(waiter);
          resolve(applied);
        },
      };
      this.#waiting.add(waiter);
    });
  }

  /** The kernel acknowledged everything up to this version. */
  applied(version: number): void {
    for (const waiter of [...this.#waiting]) if (waiter.version <= version) waiter.done(true);
  }
}
