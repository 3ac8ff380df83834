import { createInterface } from 'node:readline/promises';
import { UsageError } from '../errors.ts';
import { harmless } from './output.ts';

/** How long a person may think about it, milliseconds. */
const PATIENCE_MS = 600_000;

/**
 * Asks a person at a terminal whether it is meant so. UsageError when it is not, and where nobody can be asked: then `--yes` has
 * to say so.
 * @param silent nobody is to be asked: the output is for a program
 */
export async function confirmed(question: string, silent = false): Promise<void> {
  const refused = new UsageError('nothing was changed: nobody said that it is meant so', {
    hint: 'answer yes at a terminal, or say --yes',
  });
  if (silent || !process.stdin.isTTY || !process.stderr.isTTY) throw refused;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const said = await prompt.question(`${harmless(question)} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(said.trim())) throw refused;
  } finally {
    prompt.close();
  }
}
