import { TemporaryError } from '../errors.ts';

/** More than this waiting at a time are refused: nobody here asks for so many. */
const MAX_WAITING = 256;

/** So many pieces of work at a time, the others in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  #refused = 0;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Pieces of work that found too many before them. */
  get refused(): number {
    return this.#refused;
  }

  /** Throws TemporaryError when too many wait, and the reason of a signal that aborts before the turn has come. */
  async take<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#refused += 1;
      throw new TemporaryError('too many commands wait for their turn');
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal?.reason);
      };
      const turn = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.push(turn);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
