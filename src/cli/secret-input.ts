import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { UsageError } from '../errors.ts';

/** How long a person may take to type it, milliseconds. */
const PATIENCE_MS = 300_000;

/**
 * A secret from the first line of the standard input; at a terminal nothing of it is shown. UsageError when there is none.
 * @param what its name, for the question
 */
export async function secretFrom(argument: string, what: string): Promise<string> {
  // The parser makes nothing of a single dash.
  if (argument !== '-' && argument !== '') {
    throw new UsageError(`the ${what} is not for the command line, which others on this machine can read`, {
      hint: `write - in its place, and the ${what} into the standard input`,
    });
  }
  const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    output: muted,
    terminal,
    historySize: 0,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (terminal) process.stderr.write(`${what}: `);
  try {
    for await (const line of lines) if (line.trim() !== '') return line.trim();
  } finally {
    lines.close();
    if (terminal) process.stderr.write('\n');
  }
  throw new UsageError(`no ${what} was given`);
}
