import type { Clock, Timer } from '../../clock.ts';

/**
 * Time as the packets of a capture tell it. It never goes back: captures of several interfaces are not always in order. Its
 * monotonic time begins at 0 with the first packet.
 */
export class PacketClock implements Clock {
  #first: number | undefined;
  #now = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  /** When the first packet was captured, Unix milliseconds; undefined before it. */
  get first(): number | undefined {
    return this.#first;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - (this.#first ?? 0);
  }

  after(ms: number, run: () => void): Timer {
    const timer = { at: this.monotonic() + ms, run };
    this.#timers.push(timer);
    return {
      clear: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        timer.clear();
        reject(signal?.reason);
      };
      const timer = this.after(ms, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      if (signal?.aborted === true) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** A packet was captured at this time, Unix milliseconds. What was due by then runs, in order. */
  reach(at: number): void {
    this.#first ??= at;
    if (at <= this.#now) return;
    if (this.#timers.length === 0) this.#now = at;
    else this.#run(at);
  }

  #run(until: number): void {
    const begin = this.#first ?? 0;
    for (;;) {
      const [next] = this.#timers.filter((timer) => begin + timer.at <= until).sort((x, y) => x.at - y.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, begin + next.at);
      next.run();
    }
    this.#now = until;
  }
}
