import type { Clock } from '../clock.ts';

interface Waiter {
  readonly version: number;
  done(at: number | undefined): void;
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

  /**
   * Resolves when this version is applied, with the moment at which the kernel had it (monotonic milliseconds), and with undefined
   * after the time-out (milliseconds).
   */
  reached(version: number, timeoutMs: number): Promise<number | undefined> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, () => waiter.done(undefined));
      const waiter: Waiter = {
        version,
        done: (at) => {
          timer.clear();
          this.#waiting.delete(waiter);
          resolve(at);
        },
      };
      this.#waiting.add(waiter);
    });
  }

  /** The kernel acknowledged everything up to this version, at this moment (monotonic milliseconds). */
  applied(version: number, at: number): void {
    for (const waiter of [...this.#waiting]) if (waiter.version <= version) waiter.done(at);
  }
}
