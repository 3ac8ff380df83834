import { createInterface } from 'node:readline';
import { systemClock } from '../../src/clock.ts';
import { createExec } from '../../src/local/exec.ts';

const WAIT_MS = 20_000;

/** A script that runs on a host of a test and prints a line of JSON for everything that happens to it. */
export class Talking<Line> {
  readonly lines: Line[] = [];
  readonly #end: () => Promise<void>;

  /** @param prefix runs it elsewhere, for example `ip netns exec …` */
  constructor(prefix: readonly string[], script: string, task: unknown, signal: AbortSignal) {
    const child = createExec(prefix).open([process.execPath, script, JSON.stringify(task)], signal);
    child.stderr.pipe(process.stderr);
    const read = createInterface({ input: child.stdout });
    read.on('line', (line) => this.lines.push(JSON.parse(line) as Line));
    this.#end = async () => {
      child.stdin.end();
      await child.exited;
    };
  }

  /** The first line from a place on that is so; rejects when none comes in 20 s. */
  async until<Found extends Line>(is: (line: Line) => line is Found, from?: number): Promise<Found>;
  async until(is: (line: Line) => boolean, from?: number): Promise<Line>;
  async until(is: (line: Line) => boolean, from = 0): Promise<Line> {
    const over = systemClock.monotonic() + WAIT_MS;
    for (;;) {
      const found = this.lines.slice(from).find(is);
      if (found !== undefined) return found;
      if (systemClock.monotonic() > over)
        throw new Error(`not said: ${JSON.stringify(this.lines.slice(-5))}`);
      await systemClock.sleep(20);
    }
  }

  /** Ends its input, waits for its own end, and answers the last line. */
  async end(): Promise<Line | undefined> {
    await this.#end();
    return this.lines.at(-1);
  }
}
