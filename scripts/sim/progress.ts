/** The last line of progress is written so often, milliseconds. */
const EVERY_MS = 500;

/** One line on a terminal's standard error that is written over and over; nothing where there is no terminal. */
export class Progress {
  #shownAt = 0;

  show(line: string): void {
    if (!process.stderr.isTTY || performance.now() - this.#shownAt < EVERY_MS) return;
    this.#shownAt = performance.now();
    process.stderr.write(`\r\u001b[K${line}`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}

/** Aborts when the process is asked to end: what was played until then is summed up. */
export function untilInterrupted(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop.abort(new Error('interrupted')));
  }
  return stop.signal;
}
