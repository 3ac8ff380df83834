import type { HaltView } from '../control/commands/halt.ts';
import { duration, harmless, paint, printJson, printLine } from './output.ts';

/** Prints whether this router enforces what is decided, after `suspend`, `clear` and `enforce`. */
export function printHalt(view: HaltView, json: boolean): void {
  if (json) {
    printJson(view);
    return;
  }
  printLine(sentence(view));
  for (const note of view.notes) printLine(harmless(note));
}

function sentence({ dryRun, changed, halted, enforcing }: HaltView): string {
  if (halted === undefined) {
    if (dryRun)
      return changed ? 'this router would enforce again' : 'this router is not halted: nothing would change';
    if (!enforcing) return paint('red', 'this router does not enforce: hedgerow status says why');
    return changed ? paint('green', 'this router enforces again') : 'this router was not halted';
  }
  const would = dryRun ? 'would be ' : '';
  const already = changed ? '' : ' already';
  if (halted.secondsLeft === undefined)
    return `this router ${would || 'is '}cleared${already}: nothing is blocked here until hedgerow enforce`;
  return `enforcement on this router ${would || 'is '}suspended for ${duration(halted.secondsLeft)}; hedgerow enforce ends it sooner`;
}
