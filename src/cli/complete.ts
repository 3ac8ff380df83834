import type { Argv } from 'yargs';
import { loadConfig } from '../config.ts';
import { openControl } from '../control/client.ts';
import type { CompletionView } from '../control/views/completion.ts';
import { HedgerowError } from '../errors.ts';
import { harmless, printLine } from './output.ts';

/** A person who presses the tab key does not wait longer for the agent, milliseconds. */
const PATIENCE_MS = 500;

const SUBJECTS = ['devices', 'groups'] as const;
const POLICIES = [...SUBJECTS, 'policies'] as const;

/** What the verbs take that only the agent knows. */
const TAKES: Readonly<{ [verb: string]: readonly (keyof CompletionView)[] }> = {
  block: SUBJECTS,
  unblock: POLICIES,
  allow: SUBJECTS,
  unallow: POLICIES,
  ignore: SUBJECTS,
  unignore: SUBJECTS,
  pause: SUBJECTS,
  bonus: SUBJECTS,
  confirm: ['policies'],
  group: SUBJECTS,
  name: SUBJECTS,
  merge: ['devices'],
  split: ['devices'],
  distinct: ['devices'],
  '--about': POLICIES,
};

/**
 * Prints what may come next, a line each; a shell calls it through the scripts of `hedgerow completion`.
 *
 * @param parser made with `asked`: so yargs wants it
 * @param asked two words for yargs, then what stands behind `hedgerow`; the last one is being typed and may be empty
 */
export async function complete(parser: Argv, asked: readonly string[]): Promise<void> {
  const words = asked.slice(2);
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const verb = before.find((word) => !word.startsWith('-')) ?? '';
  const option = before.at(-1) ?? '';
  const takes = Object.hasOwn(TAKES, option) ? TAKES[option] : Object.hasOwn(TAKES, verb) ? TAKES[verb] : [];
  const [known, names] = await Promise.all([
    verbsAndOptions(parser, asked),
    typed.startsWith('-') ? [] : namesFor(takes ?? []),
  ]);
  const fitting = [...names, ...known.filter((word) => typed.startsWith('-') || !word.startsWith('-'))];
  for (const word of new Set(fitting)) if (startsAs(word, typed)) printLine(harmless(word));
}

async function verbsAndOptions(parser: Argv, asked: readonly string[]): Promise<string[]> {
  let found = '';
  await parser.parseAsync([...asked], {}, (_error, _argv, output) => {
    found = output;
  });
  // For zsh and fish each comes with its description.
  return found.split('\n').flatMap((line) => line.split(/[:\t]/)[0] || []);
}

/** Without an agent there are no names; a shell that completes is no place for an error. */
async function namesFor(takes: readonly (keyof CompletionView)[]): Promise<string[]> {
  if (takes.length === 0) return [];
  try {
    const client = await openControl(loadConfig(undefined).control.socket, PATIENCE_MS);
    const patience = AbortSignal.timeout(PATIENCE_MS);
    patience.addEventListener('abort', () => client.close(), { once: true });
    try {
      const view = await client.call<CompletionView>('completion');
      return takes.flatMap((kind) => view[kind]);
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof HedgerowError) return [];
    throw error;
  }
}

function startsAs(word: string, typed: string): boolean {
  return word.toLowerCase().startsWith(typed.toLowerCase());
}
