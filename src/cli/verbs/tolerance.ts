import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { ToleranceChange } from '../../control/commands/tolerance.ts';
import type { ToleranceRow } from '../../control/views/tolerances.ts';
import { UsageError } from '../../errors.ts';
import { ask, type Common } from '../ask.ts';
import { duration, harmless, paint, printJson, printLine, printTable } from '../output.ts';

interface Args extends Common {
  readonly router?: string | undefined;
  readonly time?: string | undefined;
  readonly dryRun: boolean;
}

export const tolerance: CommandModule<object, Args> = {
  command: 'tolerance [router] [time]',
  describe: 'how long this router waits for another one before it calls it down',
  builder: (yargs) =>
    yargs
      .positional('router', { type: 'string', describe: 'its name, the beginning of its key, or "all"' })
      .positional('time', { type: 'string', describe: '4s to 48h, or "default"; without it: what it is now' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 tolerance garage 4m', 'a router behind a weak link')
      .example('$0 tolerance garage default', 'as all others') as never,
  handler: async (args) => {
    if (args.time === undefined) print(await look(args), args.json);
    else await set(args, String(args.time));
  },
};

async function look(args: Args): Promise<ToleranceRow[]> {
  const rows = await ask<ToleranceRow[]>(args, 'tolerance');
  const word = args.router?.toLowerCase();
  if (word === undefined || word === 'all') return rows;
  const named = rows.filter(({ router }) => router.toLowerCase() === word);
  const meant =
    named.length > 0 ? named : rows.filter(({ peer }) => word.length >= 4 && peer.startsWith(word));
  if (meant.length > 0) return meant;
  throw new UsageError(`no other router is called "${args.router}"`, {
    hint: `there are ${rows.map(({ router }) => router).join(', ')}`,
  });
}

async function set({ json, ...args }: Args, time: string): Promise<void> {
  const params = { by: personFromEnvironment(), dryRun: args.dryRun, router: args.router, time };
  const view = await ask<ToleranceChange>({ json, ...args }, 'tolerance.set', params);
  if (json) {
    printJson(view);
    return;
  }
  const would = view.dryRun ? ' would be' : view.changed ? ' is' : ' was already';
  for (const { router, setSeconds } of view.routers)
    printLine(
      `${paint('bold', harmless(router))}${would} waited for ${setSeconds === undefined ? 'as by default' : duration(setSeconds)}`,
    );
  for (const note of view.notes) printLine(harmless(note));
}

function print(rows: readonly ToleranceRow[], json: boolean): void {
  if (json) {
    printJson(rows);
    return;
  }
  printTable(
    ['ROUTER', 'IS WAITED FOR', 'SET HERE', 'WAITS FOR US'],
    rows.map((row) => [
      row.router,
      `${duration(row.toleranceSeconds)}${row.stretched ? ' (it cannot speak more often)' : ''}`,
      row.setSeconds === undefined ? 'default' : duration(row.setSeconds),
      row.theirToleranceSeconds === undefined ? '–' : duration(row.theirToleranceSeconds),
    ]),
    'this router is alone in its home',
  );
}
