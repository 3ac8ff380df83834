import type { CommandModule } from 'yargs';
import type { FlowHistoryRow, FlowHistoryView } from '../../control/views/flow-history.ts';
import type { FlowView } from '../../control/views/flows.ts';
import { ask } from '../ask.ts';
import { type Look, type LookArgs, lookOptions, show } from '../look.ts';
import { bytes, duration, paint, tableLines } from '../output.ts';

interface Args extends LookArgs {
  readonly who?: string | undefined;
  readonly since?: string | undefined;
  readonly by?: 'device' | 'remote' | 'pair' | 'hour' | 'day' | undefined;
  readonly top: number;
  readonly all: boolean;
}

/** How far back a sum goes when nobody says. */
const SINCE = '24h';

export const flows: CommandModule<object, Args> = {
  command: 'flows [who]',
  describe: 'who talks to whom through this router, the busiest first; with --since, what it came to',
  builder: (yargs) =>
    lookOptions(
      yargs
        .positional('who', { type: 'string', describe: 'only those of a device, a group, a domain …' })
        .option('since', { type: 'string', describe: 'add up the history of this long: 24h, 7d' })
        .option('by', {
          choices: ['device', 'remote', 'pair', 'hour', 'day'] as const,
          describe: `add up the history by this (with --since; ${SINCE} by default)`,
        })
        .option('top', { type: 'number', default: 50, describe: 'how many' })
        .option('all', { type: 'boolean', default: false, describe: 'also those of ignored nodes' })
        .example('$0 flows tv', 'what the TV does now')
        .example('$0 flows --since 24h --top 20', 'the busiest pairs of the last day')
        .example('$0 flows --since 30d --by day --csv', 'how much went on which day, for a spreadsheet'),
    ) as never,
  handler: async (args) => {
    const { who, top, all } = args;
    const filter = { top, all, ...(who === undefined ? {} : { who }) };
    if (args.since === undefined && args.by === undefined) {
      await show(args, {
        ...live,
        ask: () => ask<FlowView[]>(args, 'flows', filter),
        view: { name: 'flows', params: filter },
      });
      return;
    }
    const { parseFor } = await import('../../control/durations.ts');
    const params = { ...filter, since: parseFor(args.since ?? SINCE), by: args.by ?? 'pair' };
    if (args.asks !== undefined) {
      // Of other routers only the rows.
      const rows = () => ask<FlowHistoryRow[]>(args, 'flows', params);
      await show(args, { ...rowsLook, ask: rows });
      return;
    }
    const view = () => ask<FlowHistoryView>(args, 'flows.history', params);
    await show(args, { ...historyLook, ask: view, view: { name: 'flows.history', params } });
  },
};

const amountsHead = ['up_bytes', 'up_packets', 'down_bytes', 'down_packets', 'blocked_packets'];

function amountsOf({ up, down, blocked }: Pick<FlowView, 'up' | 'down' | 'blocked'>) {
  return [up?.bytes, up?.packets, down?.bytes, down?.packets, blocked?.packets];
}

const live: Omit<Look<FlowView[], FlowView>, 'ask'> = {
  lines: (view) =>
    tableLines(
      ['DEVICE', 'WITH', 'SERVICE', 'UP', 'DOWN', 'BLOCKED', 'CONNECTIONS', 'SEEN'],
      view.map((flow) => [
        flow.device.label,
        flow.other.label + (flow.ignored ? ' (ignored)' : ''),
        flow.port === 0 ? flow.protocol : `${flow.protocol}/${flow.port}`,
        amount(flow.up, flow.partial),
        amount(flow.down, flow.partial),
        blockedText(flow.blocked),
        String(flow.connections),
        `${duration(flow.seenSecondsAgo)} ago`,
      ]),
      'no flow was seen yet',
    ),
  csv: (view) => ({
    head: [
      'device',
      'with',
      'protocol',
      'port',
      ...amountsHead,
      'connections',
      'partial',
      'seen_seconds_ago',
    ],
    rows: view.map((flow) => [
      flow.device.label,
      flow.other.label,
      flow.protocol,
      flow.port,
      ...amountsOf(flow),
      flow.connections,
      flow.partial,
      flow.seenSecondsAgo,
    ]),
  }),
  rows: (view) => view,
  key: ({ device, other, protocol, port }) => `${device.id} ${other.id} ${protocol}/${port}`,
  quiet: ['seenSecondsAgo'],
};

const rowsLook: Omit<Look<FlowHistoryRow[], FlowHistoryRow>, 'ask'> = {
  lines: (rows) => {
    const columns = columnsOf(rows);
    return tableLines(
      [...columns.map((column) => HEAD[column]), 'UP', 'DOWN', 'BLOCKED', 'CONNECTIONS'],
      rows.map((row) => [
        ...columns.map((column) => cell(row, column)),
        amount(row.up, row.partial),
        amount(row.down, row.partial),
        blockedText(row.blocked),
        // An older router, and flows of several routers added up, do not say.
        String(row.connections ?? '–'),
      ]),
      'nothing was seen in that time',
    );
  },
  csv: (rows) => {
    const columns = columnsOf(rows);
    return {
      head: [
        ...columns.map((column) => (column === 'other' ? 'with' : column)),
        ...amountsHead,
        'connections',
        'partial',
      ],
      rows: rows.map((row) => [
        ...columns.map((column) => (column === 'at' ? row.at : row[column]?.label)),
        ...amountsOf(row),
        row.connections,
        row.partial,
      ]),
    };
  },
  rows: (rows) => rows,
  key: ({ device, other, at }) => [at, device?.id, other?.id].filter((part) => part !== undefined).join(' '),
};

const historyLook: Omit<Look<FlowHistoryView, FlowHistoryRow>, 'ask'> = {
  ...rowsLook,
  csv: ({ rows }) => rowsLook.csv([...rows]),
  rows: ({ rows }) => rows,
  lines: (view) => [...rowsLook.lines([...view.rows]), ...(view.rows.length === 0 ? [] : summaryLines(view))],
};

const HEAD = { at: 'WHEN', device: 'DEVICE', other: 'WITH' };

function columnsOf(rows: readonly FlowHistoryRow[]) {
  return (['at', 'device', 'other'] as const).filter((column) =>
    rows.some((row) => row[column] !== undefined),
  );
}

function cell(row: FlowHistoryRow, column: 'at' | 'device' | 'other'): string {
  return column === 'at' ? localHour(row.at ?? '') : (row[column]?.label ?? '');
}

function summaryLines({ more, total, interfaces, from, notes }: FlowHistoryView): string[] {
  const rest = more > 0 ? `, ${more} more rows are not shown` : '';
  const since = from === undefined ? '' : ` since ${localHour(from)}`;
  return [
    paint('dim', `in all ${bytes(total.up.bytes)} up, ${bytes(total.down.bytes)} down${since}${rest}`),
    ...interfaces.map(({ name, receivedBytes, sentBytes }) =>
      paint('dim', `${name} itself counted ${bytes(receivedBytes)} in, ${bytes(sentBytes)} out`),
    ),
    ...notes.map((note) => paint('yellow', `! ${note}`)),
  ];
}

/** `≥ 1.2 MB` for a lower bound. */
function amount(counts: { bytes: number } | undefined, partial: boolean): string {
  return `${partial && counts !== undefined ? '≥ ' : ''}${bytes(counts?.bytes)}`;
}

function blockedText(blocked: { packets: number } | undefined): string {
  if (blocked === undefined || blocked.packets === 0) return '';
  return `${blocked.packets} packet${blocked.packets === 1 ? '' : 's'}`;
}

/** `2026-11-21 15:00` where the person is; a day stays as it is. */
function localHour(iso: string): string {
  if (!iso.includes('T')) return iso;
  const at = new Date(iso);
  const two = (n: number) => String(n).padStart(2, '0');
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
