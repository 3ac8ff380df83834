import type { Clock } from '../../../src/clock.ts';
import type { Applied } from '../../../src/p2p/alive/applied.ts';

/** Making a kernel equal to a policy takes about so long, milliseconds (docs/benchmarks.md, propagation). */
const KERNEL_MS = 10;

/** Stands for the enforcing part: some time after ops were admitted it has applied them all. */
export class Kernel {
  readonly #clock: Clock;
  readonly #digest: () => string;
  readonly #say: (applied: Applied) => void;
  #waiting: string[] = [];

  constructor(clock: Clock, digest: () => string, say: (applied: Applied) => void) {
    this.#clock = clock;
    this.#digest = digest;
    this.#say = say;
  }

  admitted(op: string): void {
    this.#waiting.push(op);
    if (this.#waiting.length > 1) return;
    this.#clock.after(KERNEL_MS, () => {
      const recent = this.#waiting;
      this.#waiting = [];
      this.#say({ digest: this.#digest(), recent });
    });
  }
}
