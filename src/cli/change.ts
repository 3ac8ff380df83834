import type { ChangeView } from '../control/commands/block.ts';
import { harmless, paint, printJson, printLine } from './output.ts';

/** EX_TEMPFAIL: the change is recorded, but not in force on this router. */
const EX_TEMPFAIL = 75;

/** Prints what a change did, router by router, and sets the exit code: 0 only when it is in force here. */
export function printChange(view: ChangeView, verb: 'blocked' | 'unblocked', json: boolean): void {
  if (!view.enforced && !view.dryRun) process.exitCode = EX_TEMPFAIL;
  if (json) {
    printJson(view);
    return;
  }
  const would = view.dryRun ? 'would be ' : '';
  for (const { a, b, id } of view.policies) {
    const state = view.changed ? `${would}${verb}` : `${verb} already`;
    printLine(
      `${paint('bold', harmless(`${a.label} – ${b.label}`))} ${state}  ${paint('dim', id.slice(0, 8))}`,
    );
  }
  for (const { router, applied, ms } of view.routers) {
    const said = applied
      ? `${paint('green', 'in force')} after ${ms.toFixed(1)} ms`
      : paint('yellow', 'no answer yet');
    printLine(`  ${router.padEnd(12)} ${said}`);
  }
  for (const router of view.unreachable) {
    printLine(`  ${router.padEnd(12)} ${paint('yellow', 'not reachable')}: takes it over when it is back`);
  }
  if (view.alsoAffects.length > 0) printLine(`also affects: ${harmless(view.alsoAffects.join(', '))}`);
  for (const note of view.notes) printLine(harmless(note));
  if (!view.enforced && !view.dryRun) {
    printLine(paint('red', 'this router does not enforce it: hedgerow status says why'));
  }
}
