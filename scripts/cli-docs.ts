/** Writes the help of every verb into docs/cli.md, between the marks of each; what a person wrote around them stays. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parserOf } from '../src/cli/main.ts';
import { VERBS } from '../src/cli/verbs.ts';

export const CLI_DOCS = join(import.meta.dirname, '../docs/cli.md');
const WIDTH = 100;

/** A verb with the words before it, and its help. */
export interface VerbHelp {
  readonly words: readonly string[];
  readonly help: string;
}

/** Every verb and the verbs of verbs, in the order of the help. */
export async function allVerbs(): Promise<VerbHelp[]> {
  const found: VerbHelp[] = [];
  for (const verb of Object.keys(VERBS)) found.push(...(await withInner([verb])));
  return found;
}

async function withInner(words: readonly string[]): Promise<VerbHelp[]> {
  const parser = await parserOf(words);
  const help = (await parser.wrap(WIDTH).getHelp()).trimEnd();
  const listed = /\nCommands:\n((?: .*\n)*)/.exec(help)?.[1] ?? '';
  const inner = [...listed.matchAll(new RegExp(`^  hedgerow ${words.join(' ')} ([a-z]+)`, 'gm'))];
  const deeper = await Promise.all(inner.map(([, name = '']) => withInner([...words, name])));
  return [{ words, help }, ...deeper.flat()];
}

/** The part of docs/cli.md that shows one verb. */
export function section({ words, help }: VerbHelp): string {
  const name = words.join(' ');
  // What every verb takes is told once.
  const own = help.replaceAll(/^ +--(help|config|json) .*\n?/gm, '').replace(/\nOptions:\n(?=\n|$)/, '');
  const block = own
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n');
  return `<!-- hedgerow ${name} -->\n\n${block}\n\n<!-- /hedgerow ${name} -->`;
}

/** The text with each section as it is now; sections that it lacks come at its end, those of verbs that are gone go. */
export function withSections(text: string, verbs: readonly VerbHelp[]): string {
  const fresh = new Map(verbs.map((verb) => [verb.words.join(' '), section(verb)]));
  const kept = text.replaceAll(
    /<!-- hedgerow ([a-z ]+) -->[\s\S]*?<!-- \/hedgerow \1 -->\n?/g,
    (_, name: string) => {
      const now = fresh.get(name);
      fresh.delete(name);
      return now === undefined ? '' : `${now}\n`;
    },
  );
  const missing = [...fresh].map(
    ([name, part]) => `\n${name.includes(' ') ? '###' : '##'} ${name}\n\n${part}\n`,
  );
  return kept + missing.join('');
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(CLI_DOCS, withSections(readFileSync(CLI_DOCS, 'utf8'), await allVerbs()));
