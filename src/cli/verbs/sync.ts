import type { CommandModule } from 'yargs';
import { systemClock } from '../../clock.ts';
import type { DifferenceView, ExchangeView, SyncRow } from '../../control/commands/sync.ts';
import type { StatusView } from '../../control/views/status.ts';
import { untilAborted } from '../../service.ts';
import { ask, type Common } from '../ask.ts';
import { given } from '../change.ts';
import { duration, harmless, printJson, printTable } from '../output.ts';

interface Args extends Common {
  readonly with?: string | undefined;
  readonly force: boolean;
  readonly compare: boolean;
}

/** How often it is looked how far a long exchange is, milliseconds. */
const LOOK_MS = 500;
/** EX_TEMPFAIL: somebody was asked and did not answer. */
const EX_TEMPFAIL = 75;

export const sync: CommandModule<object, Args> = {
  command: 'sync',
  describe: 'whether the other routers hold the same; --compare: what differs, --force: exchange it now',
  builder: (yargs) =>
    yargs
      .option('with', { type: 'string', describe: 'only this router: its name, or the beginning of its key' })
      .option('force', { type: 'boolean', default: false, describe: 'compare and exchange now' })
      .option('compare', {
        type: 'boolean',
        default: false,
        describe: 'ask each what it holds and tell by whom the missing changes are; brings nothing over',
      })
      .example('$0 sync --compare', 'which changes are missing where')
      .example('$0 sync --force', 'with all that can be reached')
      .example('$0 sync --with kitchen --force', 'with one') as never,
  handler: async (args) => {
    const asked = ask<SyncRow[]>(args, 'sync', paramsOf(args));
    const rows = args.force || args.compare ? await watched(args, asked) : await asked;
    if (args.force && rows.some(({ exchange }) => exchange?.outcome === 'failed'))
      process.exitCode = EX_TEMPFAIL;
    if (args.json) {
      printJson(rows);
      return;
    }
    if (args.compare && !args.force) {
      printTable(
        ['ROUTER', 'STATE', 'CHANGES', 'WHAT DIFFERS'],
        rows.map((row) => [row.router, row.state, changes(row), differenceText(row)]),
        NOBODY,
      );
      return;
    }
    printTable(
      ['ROUTER', 'STATE', 'IN STEP', 'CHANGES', 'EXCHANGE', 'CAME', 'WENT', 'REGISTERS'],
      rows.map((row) => [
        row.router,
        row.state,
        row.inStep === undefined ? '–' : row.inStep ? 'yes' : 'no',
        changes(row),
        words(row.exchange),
        `${row.exchange?.behind ?? '–'}`,
        `${row.exchange?.ahead ?? '–'}`,
        row.exchange === undefined ? '–' : `${row.exchange.registersIn} in, ${row.exchange.registersOut} out`,
      ]),
      NOBODY,
    );
  },
};

const NOBODY = 'no other router in this home';

const paramsOf = ({ with: router, force, compare }: Args) =>
  given({ with: router, force, compare: compare ? true : undefined });

const changes = (row: SyncRow) => `${row.changesHere} here, ${row.changesThere ?? '?'} there`;

/** One line on what is missing where, by whom. */
export function differenceText({ difference, exchange }: SyncRow): string {
  if (difference === undefined) return words(exchange);
  const lacks = (where: string, count: (one: DifferenceView) => number) => {
    const authors = difference.filter((one) => count(one) > 0);
    const all = authors.reduce((sum, one) => sum + count(one), 0);
    const by = authors.map((one) => `${harmless(one.author)} ${count(one)}`).join(', ');
    return all === 0 ? [] : [`${all} ${all === 1 ? 'change is' : 'changes are'} missing ${where} (${by})`];
  };
  const newer = (where: 'here' | 'there') => {
    const authors = difference.filter(({ registers }) => registers === where);
    const of = authors.map(({ author }) => harmless(author)).join(', ');
    return authors.length === 0
      ? []
      : [`what ${of} ${authors.length === 1 ? 'says' : 'say'} of nodes is newer ${where}`];
  };
  const all = [
    ...lacks('here', ({ behind }) => behind),
    ...lacks('there', ({ ahead }) => ahead),
    ...newer('here'),
    ...newer('there'),
  ];
  return all.length === 0 ? 'nothing differs' : all.join('; ');
}

function words(exchange: ExchangeView | undefined): string {
  if (exchange === undefined) return 'none since the start';
  const { outcome, reason, secondsAgo } = exchange;
  const what = {
    equal: 'nothing differed',
    done: 'done',
    compared: 'compared',
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
