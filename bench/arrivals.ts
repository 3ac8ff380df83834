/** When the packets of a stream arrive at the internet, to the microsecond, by the kernel's own time stamps. */
import type { House } from '../lab/house-api.ts';
import type { Running } from '../lab/run.ts';
import { NET } from '../lab/topology.ts';

/** A stream that nobody reads is forgotten from here on, so that a long bench stays small. */
const MAX_KEPT = 100_000;

export class Arrivals {
  readonly #running: Running;
  #times: number[] = [];

  /** @param filter what to watch on the leg of a router, as tcpdump writes it */
  constructor(house: House, router: string, filter: string) {
    this.#running = house.spawn(NET, [
      ...['tcpdump', '-i', `leg-${router}`, '-n', '-q', '-tt', '-l', '--immediate-mode', '-s', '64'],
      filter,
    ]);
    let rest = '';
    this.#running.stdout.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#times.push(Number.parseFloat(line) * 1000);
      if (this.#times.length > MAX_KEPT) this.#times = this.#times.slice(-MAX_KEPT);
    });
  }

  /** Unix milliseconds of what has arrived since {@link clear}. */
  get times(): readonly number[] {
    return this.#times;
  }

  clear(): void {
    this.#times = [];
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }
}

/** Answers Unix milliseconds with fractions: waits for the wall clock to tick (1 ms at most), then counts on from there. */
export function wallClock(): () => number {
  const before = Date.now();
  while (Date.now() === before);
  const offset = Date.now() - performance.now();
  return () => offset + performance.now();
}
