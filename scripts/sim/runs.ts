import { type Pass, passing } from '../../test/sim/scale/pass.ts';
import type { Progress } from './progress.ts';

/** What one run is given: virtual time that passes, and somebody to tell what is played. */
export interface Run {
  readonly pass: Pass;
  readonly onStep: (step: string) => void;
}

/**
 * Plays one run after another and shows how far the one at hand is. What was played is answered also when it is interrupted.
 */
export async function playEach<Case, Result>(
  cases: readonly Case[],
  nameOf: (one: Case) => string,
  play: (one: Case, run: Run) => Promise<Result>,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: Progress },
): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of cases) {
    let [step, seconds] = ['', 0];
    const show = () => progress.show(`${nameOf(one)}, ${seconds} s of virtual time: ${step}`);
    const pass = passing(signal, () => {
      seconds += 1;
      show();
    });
    const onStep = (next: string) => {
      step = next;
      show();
    };
    try {
      results.push(await play(one, { pass, onStep }));
    } catch (error) {
      if (!signal.aborted) throw error;
      break;
    }
  }
  progress.clear();
  return results;
}
