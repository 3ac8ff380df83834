import type { Written } from '../control/commands/written.ts';
import { harmless, paint, printLine } from './output.ts';

/** EX_TEMPFAIL: the change is recorded, but not in force on this router. */
const EX_TEMPFAIL = 75;

/** The exit code of a change: 0 only when it is in force here. */
export function setExitCode({ enforced, dryRun }: Written): void {
  if (!enforced && !dryRun) process.exitCode = EX_TEMPFAIL;
}

/** What the routers answered to a change, for people. */
export function printWritten({ dryRun, enforced, routers, unreachable, notes }: Written): void {
  for (const { router, applied, ms } of routers) {
    const said = applied
      ? `${paint('green', 'in force')} after ${ms.toFixed(1)} ms`
      : paint('yellow', 'no answer yet');
    printLine(`  ${router.padEnd(12)} ${said}`);
  }
  if (!dryRun) {
    for (const router of unreachable)
      printLine(`  ${router.padEnd(12)} ${paint('yellow', 'not reachable')}: takes it over when it is back`);
  }
  for (const note of notes) printLine(harmless(note));
  if (!enforced && !dryRun)
    printLine(paint('red', 'this router does not enforce it: hedgerow status says why'));
}
