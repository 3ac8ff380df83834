import type { Argv } from 'yargs';
import { keepProcessAlive } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { Common } from './ask.ts';
import { follow, type Source } from './follow.ts';
import { type CsvValue, paint, printCsv, printJson, printLine } from './output.ts';

/** What every verb takes that shows a list. */
export interface LookArgs extends Common {
  readonly watch: boolean;
  readonly csv: boolean;
}

/** A list that is shown once, or again and again. */
export interface Look<T, R extends object = object> extends Source<T> {
  /** For a person. */
  lines(view: T): readonly string[];
  /** For a spreadsheet: names of columns, and rows of as many values. */
  csv(view: T): { readonly head: readonly string[]; readonly rows: Iterable<readonly CsvValue[]> };
  /** Its rows, and what tells one from another: a row that changed is told again. */
  rows(view: T): readonly R[];
  key(row: R): string;
  /** What changes in a row without anything having happened, and is not told again. */
  readonly quiet?: readonly string[];
}

export function lookOptions(yargs: Argv): Argv {
  return yargs
    .option('watch', {
      type: 'boolean',
      default: false,
      describe: 'go on showing it until Ctrl-C; with --json one line for each row that changes',
    })
    .option('csv', { type: 'boolean', default: false, describe: 'as CSV, with exact numbers' });
}

/** Shows a list as a person or a program wants it. */
export async function show<T, R extends object>(args: LookArgs, look: Look<T, R>): Promise<void> {
  if (args.csv && (args.watch || args.json))
    throw new UsageError('--csv goes with neither --watch nor --json');
  if (args.watch) {
    await watch(args, look);
    return;
  }
  const view = await look.ask();
  if (args.json) printJson(view);
  else if (args.csv) {
    const { head, rows } = look.csv(view);
    printCsv(head, rows);
  } else for (const line of look.lines(view)) printLine(line);
}

async function watch<T, R extends object>(args: LookArgs, look: Look<T, R>): Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, end);
  // Whoever reads has gone.
  process.stdout.once('error', end);
  const alive = keepProcessAlive();
  const changes = new Changes(look);
  let shown = '';
  try {
    for await (const view of follow(args, look, stop.signal)) {
      if (args.json) {
        for (const row of changes.of(view)) printJson(row);
        continue;
      }
      const lines = look.lines(view);
      if (process.stdout.isTTY) redraw(lines);
      else if (lines.join('\n') !== shown) for (const line of [...lines, '']) printLine(line);
      shown = lines.join('\n');
    }
  } finally {
    alive.clear();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, end);
  }
}

/** From the upper left corner, and no more than there is room for. */
function redraw(lines: readonly string[]): void {
  const room = Math.max(2, (process.stdout.rows ?? 24) - 1);
  const more = lines.length - room;
  const fit = more > 0 ? [...lines.slice(0, room - 1), paint('dim', `… ${more + 1} more`)] : lines;
  process.stdout.write(`\x1b[H\x1b[2J${fit.join('\n')}\n`);
}

/** Tells which rows are new or say something else than before, and which are gone. */
export class Changes<T, R extends object> {
  readonly #look: Pick<Look<T, R>, 'rows' | 'key' | 'quiet'>;
  #before = new Map<string, string>();

  constructor(look: Pick<Look<T, R>, 'rows' | 'key' | 'quiet'>) {
    this.#look = look;
  }

  of(view: T): object[] {
    const quiet = new Set(this.#look.quiet ?? []);
    const now = new Map<string, string>();
    const told: object[] = [];
    for (const row of this.#look.rows(view)) {
      const key = this.#look.key(row);
      const text = JSON.stringify(row, (name, value: unknown) => (quiet.has(name) ? undefined : value));
      now.set(key, text);
      if (this.#before.get(key) !== text) told.push(row);
    }
    for (const key of this.#before.keys()) if (!now.has(key)) told.push({ gone: key });
    this.#before = now;
    return told;
  }
}
