import { HedgerowError, messageOf } from '../errors.ts';
import { paint } from './output.ts';

/** EX_SOFTWARE of sysexits(3). */
const EX_SOFTWARE = 70;

/** Tells a person or a program what went wrong, and sets the exit code. */
export function report(error: unknown, json: boolean): void {
  const known = error instanceof HedgerowError ? error : undefined;
  process.exitCode = known?.exitCode ?? EX_SOFTWARE;
  if (json) {
    const { name, hint } = known ?? { name: 'InternalError', hint: undefined };
    process.stdout.write(`${JSON.stringify({ error: { name, message: messageOf(error), hint } })}\n`);
    return;
  }
  process.stderr.write(`${paint('red', 'hedgerow:')} ${messageOf(error)}\n`);
  if (known?.hint !== undefined) process.stderr.write(`  ${known.hint}\n`);
  if (known === undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
