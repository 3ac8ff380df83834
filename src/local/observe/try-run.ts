import { messageOf, UnavailableError } from '../../errors.ts';
import type { Exec, Finished, RunOptions } from '../exec.ts';

/** Runs a command for which there is another way: that it is not installed is an answer here (code 127). */
export async function tryRun(exec: Exec, argv: readonly string[], options: RunOptions): Promise<Finished> {
  try {
    return await exec.run(argv, options);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return { code: 127, stdout: '', stderr: messageOf(error) };
  }
}
