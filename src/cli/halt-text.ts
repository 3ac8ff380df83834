import type { HaltView } from '../control/commands/halt.ts';
import { duration, harmless, paint, printJson, printLine } from './output.ts';

/** EX_TEMPFAIL: not on all routers. */
const EX_TEMPFAIL = 75;

/** Prints whether this router enforces what is decided, after `suspend`, `clear` and `enforce`. */
export function printHalt(view: HaltView, json: boolean): void {
  if (json) {
    printJson(view);
    return;
  }
  printLine(sentence(view));
  for (const note of view.notes) printLine(harmless(note));
  const { others } = view;
  if (others === undefined) return;
  const does = view.halted === undefined ? 'block again' : 'block nothing';
  const words = view.dryRun ? `would ${does}` : does.replace('block', 'blocks');
  for (const { router, done, why = '' } of others)
    printLine(`  ${harmless(router.padEnd(12))} ${done ? words : paint('red', `no: ${harmless(why)}`)}`);
  // Whoever presses the button has to know that it did not reach all.
  if (others.some(({ done }) => !done)) process.exitCode = EX_TEMPFAIL;
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
