import type { CommandModule } from 'yargs';
import type { ConnectionRow, ConnectionsView } from '../../control/views/statistics.ts';
import { ask } from '../ask.ts';
import { type LookArgs, lookOptions, show } from '../look.ts';
import { bytes, duration, tableLines } from '../output.ts';

interface Args extends LookArgs {
  readonly listener?: string | undefined;
}

/** So many are asked for at a time. */
const PAGE = 5_000;

export const connections: CommandModule<object, Args> = {
  command: 'connections [listener]',
  describe: 'who is connected to the agent, and what for',
  builder: (yargs) =>
    lookOptions(
      yargs.positional('listener', {
        type: 'string',
        describe: 'only those of this one: overlay, control, mqtt, http …',
      }),
    ).example('$0 connections mqtt --watch', 'who comes and goes at the broker') as never,
  handler: (args) =>
    show<ConnectionRow[], ConnectionRow>(args, {
      ask: () => all(args),
      lines: (rows) =>
        tableLines(
          ['NUMBER', 'LISTENER', 'STATE', 'ADDRESS', 'AGE', 'RECEIVED', 'SENT', 'FOR'],
          rows.map((row) => [
            String(row.number),
            row.listener,
            row.state,
            row.address,
            duration(row.ageSeconds),
            bytes(row.bytesReceived),
            bytes(row.bytesSent),
            row.purpose,
          ]),
          'nobody is connected',
        ),
      csv: (rows) => ({
        head: [
          'number',
          'listener',
          'state',
          'address',
          'age_seconds',
          'received_bytes',
          'sent_bytes',
          'for',
        ],
        rows: rows.map((row) => [
          row.number,
          row.listener,
          row.state,
          row.address,
          row.ageSeconds,
          row.bytesReceived,
          row.bytesSent,
          row.purpose,
        ]),
      }),
      rows: (rows) => rows,
      key: ({ number }) => String(number),
      quiet: ['ageSeconds'],
    }),
};

/** All of them, page by page; those that come meanwhile are not among them. */
async function all(args: Args): Promise<ConnectionRow[]> {
  const rows: ConnectionRow[] = [];
  let cursor: ConnectionsView['next'];
  do {
    const { listener } = args;
    const page = await ask<ConnectionsView>(args, 'connections', {
      top: PAGE,
      ...(listener === undefined ? {} : { listener }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    rows.push(...page.connections);
    cursor = page.next;
  } while (cursor !== undefined);
  return rows;
}
