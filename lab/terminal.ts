/** What the lab's programs share: how they are stopped and how they fail. */
import { LabError } from './error.ts';

/** Aborts when the person or the system wants this program to end. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}

/** Tells an error as a person can use it, or as JSON on stdout, and sets the exit code. Bugs are thrown on. */
export function fail(program: string, error: unknown, json: boolean): void {
  if (!(error instanceof LabError)) throw error;
  if (json) console.log(JSON.stringify({ ok: false, error: error.message, hint: error.hint }));
  else console.error([`${program}: ${error.message}`, ...(error.hint ? [`→ ${error.hint}`] : [])].join('\n'));
  process.exitCode = error.code;
}
