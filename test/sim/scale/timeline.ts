import type { Clock, Timer } from '../../../src/clock.ts';

interface Event {
  readonly at: number;
  /** Events of one time run in the order in which they were made. */
  readonly nth: number;
  run: (() => void) | undefined;
}

/** Wall time when virtual time is 0, Unix milliseconds. */
const WALL = 1_700_000_000_000;

/**
 * Virtual time: a heap of what is to happen. Nothing passes but when `run()` is called, and everything happens in the same order
 * whenever it is run.
 */
export class Timeline implements Clock {
  readonly #heap: Event[] = [];
  #now = 0;
  #nth = 0;
  #unsettled = false;

  now(): number {
    return WALL + Math.floor(this.#now);
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Timer {
    const event: Event = { at: this.#now + Math.max(0, ms), nth: this.#nth++, run };
    this.#push(event);
    return {
      clear: () => {
        event.run = undefined;
      },
    };
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ended = () => reject(signal?.reason);
    signal?.addEventListener('abort', ended, { once: true });
    const timer = this.after(ms, () => {
      this.unsettled();
      resolve();
    });
    try {
      await promise;
    } finally {
      timer.clear();
      signal?.removeEventListener('abort', ended);
    }
  }

  /** Something was done that promises wait for: they go on before time does. */
  unsettled(): void {
    this.#unsettled = true;
  }

  /** Lets `ms` milliseconds of virtual time pass. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.#settle();
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      if (next.run === undefined) continue;
      this.#now = next.at;
      next.run();
      if (this.#unsettled) await this.#settle();
    }
    this.#now = end;
  }

  /** No real I/O is waited for here, so that one turn of the event loop runs every promise to its end. */
  async #settle(): Promise<void> {
    this.#unsettled = false;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (left === undefined) break;
      let least = left;
      if (right !== undefined && before(right, left)) {
        least = right;
        child += 1;
      }
      if (!before(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.nth < b.nth);
}
