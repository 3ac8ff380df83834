import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { ImportView, RetiredView } from '../../control/commands/import.ts';
import type { Written } from '../../control/commands/written.ts';
import type { ExportView } from '../../control/views/export.ts';
import { ask, type Common } from '../ask.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';
import { printWritten, setExitCode } from '../written.ts';

interface Args extends Common {
  readonly file: string;
  readonly replace: boolean;
  readonly wait: boolean;
  readonly dryRun: boolean;
}

/** So much goes to the agent at a time, and becomes one op. */
const AT_A_TIME = 100;

export const importBook: CommandModule<object, Args> = {
  command: 'import <file>',
  describe: 'take over a policy book that export wrote, or that a person did',
  builder: (yargs) =>
    yargs
      .positional('file', {
        type: 'string',
        demandOption: true,
        describe: 'the book; - is the standard input',
      })
      .option('replace', {
        type: 'boolean',
        default: false,
        describe: 'also take away what is not in the book (never routers)',
      })
      .option('wait', { type: 'boolean', default: true, describe: 'wait for the other routers' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would change' })
      .example('$0 import policies.yaml --dry-run', 'what would be added') as never,
  handler: async (args) => {
    const { bookFrom, notOneOf } = await import('../book-on-disk.ts');
    // The parser makes nothing of a single dash.
    const file = args.file === '' ? '-' : args.file;
    const placed = bookFrom(file);
    const slices = sliced(distinct(placed));
    const by = personFromEnvironment();
    // All of it is looked up before anything is written.
    const planned: ImportView[] = [];
    const problems: { line: number; message: string }[] = [];
    for (const slice of slices) {
      const entries = slice.map(({ entry }) => entry);
      const view = await ask<ImportView>(args, 'import', { by, entries, dryRun: true });
      planned.push(view);
      for (const { index, message } of view.problems)
        problems.push({ line: slice[index]?.line ?? 1, message });
    }
    if (problems.length > 0) throw notOneOf(file, problems);
    const there = new Set(planned.flatMap((view) => view.there));
    const rest = args.replace ? sliced(await beside(args, there)) : [];

    const added: ImportView[] = [];
    const retired: RetiredView[] = [];
    const wanting = args.dryRun ? [] : slices.filter((_, n) => (planned[n]?.added.length ?? 0) > 0);
    for (const [n, slice] of wanting.entries()) {
      const entries = slice.map(({ entry }) => entry);
      const wait = args.wait && n === wanting.length - 1 && rest.length === 0;
      added.push(await ask<ImportView>(args, 'import', { by, entries, wait }));
    }
    for (const [n, records] of rest.entries()) {
      const wait = args.wait && n === rest.length - 1;
      retired.push(await ask<RetiredView>(args, 'import.retire', { by, records, wait, dryRun: args.dryRun }));
    }
    const views = args.dryRun ? planned : added;
    const last: Written | undefined = [...views, ...retired].at(-1);
    const result = {
      dryRun: args.dryRun,
      added: views.flatMap((view) => view.added),
      retired: [...views, ...retired].flatMap((view) => view.retired),
      there: there.size,
      enforced: last?.enforced ?? true,
      routers: last?.routers ?? [],
      unreachable: last?.unreachable ?? [],
      notes: planned.flatMap((view) => view.notes),
    };
    setExitCode(result);
    if (args.json) printJson(result);
    else print(result);
  },
};

/** The live records that a book could hold and that this one does not. */
async function beside(args: Args, there: ReadonlySet<string>): Promise<string[]> {
  const { entries } = await ask<ExportView>(args, 'export');
  return entries.flatMap(({ record }) => (there.has(record) ? [] : [record]));
}

function distinct<E extends { readonly entry: unknown }>(placed: readonly E[]): E[] {
  return [...new Map(placed.map((each) => [JSON.stringify(each.entry), each])).values()];
}

function sliced<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / AT_A_TIME) }, (_, n) =>
    all.slice(n * AT_A_TIME, (n + 1) * AT_A_TIME),
  );
}

function print(
  result: Written & { added: readonly string[]; retired: readonly string[]; there: number },
): void {
  for (const words of result.retired) printLine(`${paint('red', '−')} ${harmless(words)}`);
  for (const words of result.added) printLine(`${paint('green', '+')} ${harmless(words)}`);
  const would = result.dryRun ? 'would be ' : '';
  printLine(
    `${result.added.length} ${would}added, ${result.retired.length} ${would}taken away, ${result.there} there already`,
  );
  printWritten(result);
}
