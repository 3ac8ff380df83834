import type { CommandModule } from 'yargs';
import { systemClock } from '../../clock.ts';
import type { ExchangeView, SyncRow } from '../../control/commands/sync.ts';
import type { StatusView } from '../../control/views/status.ts';
import { untilAborted } from '../../service.ts';
import { ask, type Common } from '../ask.ts';
import { given } from '../change.ts';
import { duration, harmless, printJson, printTable } from '../output.ts';

interface Args extends Common {
  readonly with?: string | undefined;
  readonly force: boolean;
}

/** How often it is looked how far a long exchange is, milliseconds. */
const LOOK_MS = 500;
/** EX_TEMPFAIL: somebody was asked and did not answer. */
const EX_TEMPFAIL = 75;

export const sync: CommandModule<object, Args> = {
  command: 'sync',
  describe: 'what differs from the other routers, and --force: exchange it now',
  builder: (yargs) =>
    yargs
      .option('with', { type: 'string', describe: 'only this router: its name, or the beginning of its key' })
      .option('force', { type: 'boolean', default: false, describe: 'compare and exchange now' })
      .example('$0 sync --force', 'with all that can be reached')
      .example('$0 sync --with kitchen --force', 'with one') as never,
  handler: async (args) => {
    const asked = ask<SyncRow[]>(args, 'sync', given({ with: args.with, force: args.force }));
    const rows = args.force ? await watched(args, asked) : await asked;
    if (args.force && rows.some(({ exchange }) => exchange?.outcome === 'failed'))
      process.exitCode = EX_TEMPFAIL;
    if (args.json) {
      printJson(rows);
      return;
    }
    printTable(
      ['ROUTER', 'STATE', 'IN STEP', 'CHANGES', 'EXCHANGE', 'CAME', 'WENT', 'REGISTERS'],
      rows.map((row) => [
        row.router,
        row.state,
        row.inStep === undefined ? '–' : row.inStep ? 'yes' : 'no',
        `${row.changesHere} here, ${row.changesThere ?? '?'} there`,
        words(row.exchange),
        `${row.exchange?.behind ?? '–'}`,
        `${row.exchange?.ahead ?? '–'}`,
        row.exchange === undefined ? '–' : `${row.exchange.registersIn} in, ${row.exchange.registersOut} out`,
      ]),
      'no other router in this home',
    );
  },
};

function words(exchange: ExchangeView | undefined): string {
  if (exchange === undefined) return 'none since the start';
  const { outcome, reason, secondsAgo } = exchange;
  const what = {
    equal: 'nothing differed',
    done: 'done',
    running: 'goes on',
    failed: `failed: ${reason ?? ''}`,
  };
  return secondsAgo === 0 ? what[outcome] : `${what[outcome]}, ${duration(secondsAgo)} ago`;
}

/** Tells a person at a terminal how far it is while an answer is waited for. */
async function watched<T>(args: Args, answer: Promise<T>): Promise<T> {
  if (args.json || !process.stderr.isTTY) return await answer;
  const over = new AbortController();
  const watching = watch(args, over.signal);
  try {
    return await answer;
  } finally {
    over.abort();
    await watching;
  }
}

async function watch(args: Args, signal: AbortSignal): Promise<void> {
  let said = '';
  while (!signal.aborted) {
    const { syncing } = await ask<StatusView>(args, 'status');
    const line =
      syncing === undefined
        ? ''
        : `${harmless(syncing.router)}: ${syncing.received} of ${syncing.expected} changes`;
    if (line !== said && line !== '') process.stderr.write(`${line}\n`);
    said = line;
    await Promise.race([systemClock.sleep(LOOK_MS), untilAborted(signal)]);
  }
}
