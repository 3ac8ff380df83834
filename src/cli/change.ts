import { createInterface } from 'node:readline/promises';
import type { Argv } from 'yargs';
import { addressFromEnvironment, personFromEnvironment } from '../config.ts';
import type { ChangeView } from '../control/commands/change.ts';
import { UNCONFIRMED } from '../control/commands/wide.ts';
import type { Written } from '../control/commands/written.ts';
import { shortId } from '../control/views/shown.ts';
import { HedgerowError } from '../errors.ts';
import { ask, type Common } from './ask.ts';
import { harmless, paint, printJson, printLine } from './output.ts';
import { printWritten, setExitCode } from './written.ts';

/** What every verb that changes something takes. */
export interface ChangeArgs extends Common {
  readonly wait: boolean;
  readonly dryRun: boolean;
}

/** The options of a change. */
export function changeOptions(yargs: Argv): Argv {
  return yargs
    .option('wait', { type: 'boolean', default: true, describe: 'wait for the other routers' })
    .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' });
}

/** The parameters of a change: who asks, and how. */
export function changeParams({ wait, dryRun }: ChangeArgs): { by: string; wait: boolean; dryRun: boolean } {
  return { by: personFromEnvironment(), wait, dryRun };
}

/** What was given, without what was not. */
export function given(params: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}

/** Makes a change that may be a wide one: then a person at a terminal is asked first, anyone else has to say `--yes`. */
export async function askFirst<T>(
  args: ChangeArgs & { yes: boolean },
  method: string,
  params: Record<string, unknown>,
): Promise<T> {
  const request = given({ ...changeParams(args), from: addressFromEnvironment(), ...params });
  try {
    return await ask<T>(args, method, { ...request, confirm: args.yes });
  } catch (error) {
    const asks = error instanceof HedgerowError && error.name === UNCONFIRMED;
    if (!asks || args.json || !process.stdin.isTTY || !process.stderr.isTTY) throw error;
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const said = await prompt.question(`${harmless(error.message)}. Is that what you want? [y/N] `);
      if (!/^y(es)?$/i.test(said.trim())) throw error;
    } finally {
      prompt.close();
    }
    return await ask<T>(args, method, { ...request, confirm: true });
  }
}

/** For a change that no kernel waits for: which routers have not heard of it yet, and what a person should know. */
export function printHeard({ dryRun, unreachable, notes }: Written): void {
  for (const router of dryRun ? [] : unreachable)
    printLine(`  ${router.padEnd(12)} ${paint('yellow', 'not reachable')}: takes it over when it is back`);
  for (const note of notes) printLine(harmless(note));
}

/** Prints what a change did, router by router, and sets the exit code: 0 only when it is in force here. */
export function printChange(view: ChangeView, verb: string, json: boolean): void {
  // Who is ignored is blocked or not as before: no kernel has a say in it.
  const inKernel = view.policies.some(({ kind }) => kind !== 'ignore');
  if (inKernel) setExitCode(view);
  if (json) {
    printJson(view);
    return;
  }
  const would = view.dryRun ? 'would be ' : '';
  for (const { kind, a, b, id, time } of view.policies) {
    const state = view.changed ? `${would}${verb}` : `${verb} already`;
    const pair = kind === 'ignore' ? a.label : `${a.label} – ${b.label}`;
    const when = time === '' ? '' : `, ${time}`;
    printLine(
      `${paint('bold', harmless(pair))} ${state}${harmless(when)}  ${paint('dim', shortId(id))}`.trimEnd(),
    );
  }
  const { alsoAffects, alsoAffectsMore } = view;
  const more = alsoAffectsMore > 0 ? ` and ${alsoAffectsMore} more` : '';
  if (alsoAffects.length > 0) printLine(`also affects: ${harmless(alsoAffects.join(', '))}${more}`);
  if (inKernel) printWritten(view);
  else printHeard(view);
}
