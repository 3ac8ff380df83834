import yargs, { type Argv } from 'yargs';
import type { Asks } from './ask.ts';
import { misspelt } from './misspelt.ts';
import { report } from './report.ts';
import { VERBS, verbIn } from './verbs.ts';

/** The command line: parses, runs one verb, sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    // A shell asks what may come next: see complete.ts.
    if (argv[0] === '--complete') {
      const { complete } = await import('./complete.ts');
      await complete(argv.slice(1), parserOf);
      return;
    }
    const parser = await parserOf(argv);
    if (argv.length === 0) parser.showHelp('error');
    await parser.parseAsync();
  } catch (error) {
    report(error, argv.includes('--json'));
  }
}

/** What the words mean; `asks` answers instead of this router's agent. */
export async function parserOf(
  argv: readonly string[],
  words: readonly string[] = argv,
  asks?: Asks,
): Promise<Argv> {
  const parser = yargs([...argv])
    .middleware((args) => {
      if (asks !== undefined) args.asks = asks;
    })
    .scriptName('hedgerow')
    .usage('$0 <verb>\n\nOne blocking policy for every router in the house.')
    .option('config', {
      type: 'string',
      describe: 'configuration file (default: $HEDGEROW_CONFIG, then /etc/hedgerow/hedgerow.yaml)',
      global: true,
    })
    .option('json', { type: 'boolean', default: false, describe: 'answer in JSON', global: true })
    .demandCommand(1, 'which verb? hedgerow --help lists them')
    .strict()
    .recommendCommands()
    .version(false)
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error, self) => {
      if (error instanceof Error) throw error;
      throw misspelt(message, words, String(self.help()));
    });
  const run = async (more: readonly string[], answers: Asks) => {
    const inner = await parserOf(more, more, answers);
    await inner.parseAsync();
  };
  const verb = verbIn(words);
  for (const one of verb === undefined ? Object.keys(VERBS) : [verb]) await VERBS[one]?.(parser, run);
  return parser;
}
