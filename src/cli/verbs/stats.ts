import type { CommandModule } from 'yargs';
import type { ListenerRow, StatsView } from '../../control/views/statistics.ts';
import { UsageError } from '../../errors.ts';
import { ask } from '../ask.ts';
import { type Look, type LookArgs, lookOptions, show } from '../look.ts';
import { bytes, duration, tableLines } from '../output.ts';

interface Args extends LookArgs {
  readonly prometheus: boolean;
}

export const stats: CommandModule<object, Args> = {
  command: 'stats',
  describe: 'how the agent fares: its listeners, memory, delays, and what it counts',
  builder: (yargs) =>
    lookOptions(yargs)
      .option('prometheus', { type: 'boolean', default: false, describe: 'in the text format of Prometheus' })
      .example('$0 stats --csv', 'the listeners, for a spreadsheet') as never,
  handler: async (args) => {
    if (args.prometheus) {
      if (args.watch || args.csv || args.json)
        throw new UsageError('--prometheus goes with neither --watch, --json nor --csv');
      process.stdout.write(await ask<string>(args, 'metrics'));
    } else await show(args, { ...look, ask: () => ask<StatsView>(args, 'stats') });
  },
};

const look: Omit<Look<StatsView, ListenerRow>, 'ask'> = {
  view: { name: 'stats', params: {} },
  lines: (view) => [...listenerLines(view), '', ...processLines(view), '', ...counterLines(view)],
  csv: ({ listeners }) => ({
    head: [
      'listener',
      'address',
      'active',
      'total',
      'refused',
      'gave_way',
      'uptime_seconds',
      'received_bytes',
      'sent_bytes',
    ],
    rows: listeners.map((row) => [
      row.name,
      row.address,
      row.active,
      row.total,
      row.refused,
      row.gaveWay,
      row.uptimeSeconds,
      row.bytesReceived,
      row.bytesSent,
    ]),
  }),
  rows: ({ listeners }) => listeners,
  key: ({ name, address }) => `${name} ${address}`,
  quiet: ['uptimeSeconds'],
};

function listenerLines({ listeners }: StatsView): string[] {
  return tableLines(
    ['LISTENER', 'ADDRESS', 'ACTIVE', 'TOTAL', 'REFUSED', 'GAVE WAY', 'UP', 'RECEIVED', 'SENT'],
    listeners.map((row) => [
      row.name,
      row.address,
      String(row.active),
      String(row.total),
      String(row.refused),
      String(row.gaveWay),
      duration(row.uptimeSeconds),
      bytes(row.bytesReceived),
      bytes(row.bytesSent),
    ]),
    'nothing listens',
  );
}

function processLines({
  process: { rssBytes, heapUsedBytes, cpuSeconds, uptimeSeconds, loopDelayMs },
}: StatsView) {
  const memory = `memory ${bytes(rssBytes)}, of it heap ${bytes(heapUsedBytes)}`;
  const load = `processor ${cpuSeconds.toFixed(1)} s, up ${duration(uptimeSeconds)}`;
  if (loopDelayMs === undefined) return [memory, load];
  const { p50, p99, max, overSeconds } = loopDelayMs;
  return [
    memory,
    load,
    `late by ${p50} ms (half), ${p99} ms (99 %), ${max} ms (most) in ${duration(overSeconds)}`,
  ];
}

/** What has counted nothing says nothing. */
function counterLines({ counters }: StatsView): string[] {
  return tableLines(
    ['PART', 'COUNTED'],
    Object.entries(counters).flatMap(([part, counts]) => {
      const told = Object.entries(counts).filter(([, count]) => count !== 0);
      return told.length === 0 ? [] : [[part, told.map(([name, count]) => `${name} ${count}`).join(', ')]];
    }),
    'nothing was counted yet',
  );
}
