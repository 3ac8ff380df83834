import type { Clock } from '../clock.ts';

/** Whoever has a turn has had at least so much, milliseconds: a clock that shows no difference makes nobody wait for ever. */
const LEAST_MS = 0.05;

/** What one client wants done, in order. */
export interface Line {
  /** Done when its turn comes, at once if nobody waits. */
  add(work: () => void): void;
  /** So much waits. */
  readonly waiting: number;
  /** Nothing more is done of what waits. */
  clear(): void;
}

/**
 * Gives clients their turns at the one thread that there is: one piece of work a turn of the event loop, of that client which has had
 * least time, so whoever asks once is not behind somebody's hundred questions. (Start-time fair queueing, Goyal et al. 1996.)
 */
export class Turns {
  readonly #clock: Clock;
  readonly #lines = new Set<Waiting>();
  /** How far those have come who are served: who begins to wait has had as much. */
  #reached = 0;
  #busy = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A line for one client. */
  line(): Line {
    const line: Waiting = { works: [], had: 0 };
    return {
      add: (work) => {
        if (line.works.length === 0) line.had = Math.max(line.had, this.#reached);
        line.works.push(work);
        this.#lines.add(line);
        if (!this.#busy) this.#next();
      },
      get waiting() {
        return line.works.length;
      },
      clear: () => {
        line.works.length = 0;
        this.#lines.delete(line);
      },
    };
  }

  #next(): void {
    let first: Waiting | undefined;
    for (const line of this.#lines) if (first === undefined || line.had < first.had) first = line;
    const work = first?.works.shift();
    this.#busy = first !== undefined;
    if (first === undefined || work === undefined) return;
    if (first.works.length === 0) this.#lines.delete(first);
    const line = first;
    this.#reached = line.had;
    const begun = this.#clock.monotonic();
    setImmediate(() => {
      line.had += Math.max(LEAST_MS, this.#clock.monotonic() - begun);
      this.#next();
    });
    work();
  }
}

interface Waiting {
  readonly works: (() => void)[];
  /** Milliseconds, counted from where the others were when it began to wait. */
  had: number;
}
