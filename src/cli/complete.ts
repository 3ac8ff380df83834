import type { Argv } from 'yargs';
import { loadConfig } from '../config-file.ts';
import { ASKABLE } from '../control/askable.ts';
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
  flows: SUBJECTS,
  evict: ['routers'],
  tolerance: ['routers'],
  '--about': POLICIES,
};

/** Makes the parser of a command line: of its words for yargs, and of those behind `hedgerow`. */
type Parse = (argv: readonly string[], words: readonly string[]) => Promise<Argv>;

/**
 * Prints what may come next, a line each; a shell calls it through the scripts of `hedgerow completion`.
 *
 * @param words what stands behind `hedgerow`; the last one is being typed and may be empty
 */
export async function complete(words: readonly string[], parse: Parse): Promise<void> {
  const at = words.indexOf('--config');
  const config = at >= 0 && at < words.length - 2 ? words[at + 1] : undefined;
  const typed = words.at(-1) ?? '';
  const rest = config === undefined ? words : words.toSpliced(at, 2);
  for (const word of new Set(await fitting(rest, parse, config)))
    if (startsAs(word, typed)) printLine(harmless(word));
}

async function fitting(
  words: readonly string[],
  parse: Parse,
  config: string | undefined,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const [verb = '', ...more] = before.filter((word) => !word.startsWith('-'));
  const [option = ''] = before.slice(-1);
  // What another router is asked is completed as if it were asked here.
  if (verb === 'ask' && more.length > 1)
    return fitting(words.slice(words.indexOf(more[1] ?? '')), parse, config);
  if (verb === 'ask' && more.length === 1) return [...ASKABLE.keys()];
  if (verb === 'ask') return [...(await namesFor(['routers'], config)), 'all'];
  const takes = [option, verb].flatMap((word) => (Object.hasOwn(TAKES, word) ? [TAKES[word] ?? []] : []));
  const [known, names] = await Promise.all([
    verbsAndOptions(words, parse),
    typed.startsWith('-') ? [] : namesFor(takes[0] ?? [], config),
  ]);
  return [...names, ...known.filter((word) => typed.startsWith('-') || !word.startsWith('-'))];
}

async function verbsAndOptions(words: readonly string[], parse: Parse): Promise<string[]> {
  // So yargs wants it.
  const asked = ['--get-yargs-completions', 'hedgerow', ...words];
  const parser = await parse(asked, words);
  let found = '';
  await parser.parseAsync([...asked], {}, (_error, _argv, output) => {
    found = output;
  });
  // For zsh and fish each comes with its description.
  return found.split('\n').flatMap((line) => line.split(/[:\t]/)[0] || []);
}

/** Without an agent there are no names; a shell that completes is no place for an error. */
async function namesFor(
  takes: readonly (keyof CompletionView)[],
  config: string | undefined,
): Promise<string[]> {
  if (takes.length === 0) return [];
  try {
    const client = await openControl(loadConfig(config).control.socket, PATIENCE_MS);
    const patience = AbortSignal.timeout(PATIENCE_MS);
    patience.addEventListener('abort', () => client.close(), { once: true });
    try {
      const view = await client.call<CompletionView>('completion');
      // An older agent does not know all of them.
      return takes.flatMap((kind) => view[kind] ?? []);
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
