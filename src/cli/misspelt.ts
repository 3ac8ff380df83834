import { nearest } from '../control/nearest.ts';
import { UsageError } from '../errors.ts';

/**
 * The error of words that mean nothing: which, what a person may have meant, and where to read on.
 *
 * @param message what yargs said
 * @param words what stands behind `hedgerow`
 * @param help of the verb as far as it was understood
 */
export function misspelt(message: string, words: readonly string[], help: string): UsageError {
  const usage =
    help
      .split('\n')[0]
      ?.replace(/ <verb>$/, '')
      .trim() ?? '';
  const plain = usage.replace(/ [[<].*$/, '');
  const readOn = `${plain} --help tells more`;
  const near = (word: string, candidates: readonly string[], told: (found: string) => string) => {
    const found = nearest(word, candidates);
    return { hint: found === undefined ? readOn : `did you mean ${told(found)}?` };
  };
  const missing = /^Not enough non-option arguments/.test(message);
  if (missing) return new UsageError(`something is missing: ${usage}`, { hint: readOn });

  const [, name = '', given = '', choices = ''] =
    /Argument: (\S+), Given: "(.*)", Choices: (.*)/.exec(message) ?? [];
  if (name !== '') {
    const all = [...choices.matchAll(/"([^"]+)"/g)].map(([, choice = '']) => choice);
    return new UsageError(`${name}: "${given}" is none of ${all.join(', ')}`, near(given, all, String));
  }
  const unknown = /^Unknown arguments?: (.*)/.exec(message)?.[1]?.split(', ') ?? [];
  const option = unknown.find((word) => words.some((typed) => typed.startsWith(`--${word}`)));
  if (option !== undefined) {
    const options = [...help.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm)].map(([, found = '']) => found);
    return new UsageError(
      `there is no option --${option}`,
      near(option, options, (found) => `--${found}`),
    );
  }
  const typed = typedBehind(plain, words);
  if (typed !== undefined && (unknown.length > 0 || /^Did you mean|^Unknown command/.test(message))) {
    const verbs = verbsOf(plain, help);
    if (verbs.length === 0)
      return new UsageError(`${plain} does not take "${unknown.join(' ')}"`, { hint: readOn });
    const whole = (found: string) => `${plain} ${found}`;
    return new UsageError(`there is no "${plain} ${typed}"`, near(typed, verbs, whole));
  }
  return new UsageError(message.charAt(0).toLowerCase() + message.slice(1), { hint: readOn });
}

/** The word that stands where a verb of this verb should. */
function typedBehind(plain: string, words: readonly string[]): string | undefined {
  const known = plain.split(' ').length - 1;
  return words.filter((word, n) => !word.startsWith('-') && words[n - 1] !== '--config')[known];
}

/** The verbs that a help lists. */
function verbsOf(plain: string, help: string): string[] {
  const listed = /\nCommands:\n((?: .*\n)*)/.exec(help)?.[1] ?? '';
  return listed
    .split('\n')
    .flatMap((line) =>
      line.startsWith(`  ${plain} `) ? (/\w+/.exec(line.slice(plain.length + 3))?.[0] ?? []) : [],
    );
}
