import type { CommandModule } from 'yargs';
import type { PeerRow } from '../../control/views/peers.ts';
import { ask } from '../ask.ts';
import { type Look, type LookArgs, lookOptions, show } from '../look.ts';
import { peersLines, widePeersLines } from '../peers-text.ts';

interface Args extends LookArgs {
  readonly wide: boolean;
}

export const peers: CommandModule<object, Args> = {
  command: 'peers',
  describe: 'the other routers of the home: who is alive, in step and in force, and how they are linked',
  builder: (yargs) =>
    lookOptions(yargs)
      .option('wide', { type: 'boolean', default: false, describe: 'everything, however wide' })
      .example('$0 peers --watch', 'who comes and goes') as never,
  handler: (args) =>
    show(args, {
      ...look,
      lines: args.wide ? widePeersLines : peersLines,
      ask: () => ask<PeerRow[]>(args, 'peers'),
    }),
};

const look: Omit<Look<PeerRow[], PeerRow>, 'ask' | 'lines'> = {
  view: { name: 'peers', params: {} },
  csv: (peers) => ({
    head: [
      ...['router', 'key', 'state', 'since_seconds', 'heard_by', 'heard_seconds_ago', 'absent', 'in_step'],
      ...['changes_behind', 'applied', 'applied_via', 'rtt_ms', 'tolerance_seconds', 'stretched'],
      ...['their_tolerance_seconds', 'link', 'link_seconds', 'link_reason', 'link_closed', 'clock_trusted'],
      ...['clock_ahead_seconds', 'received_bytes', 'sent_bytes', 'admin', 'address', 'last_error'],
    ],
    rows: peers.map((row) => [
      ...[row.router, row.peer, row.state, row.sinceSeconds, row.heardBy, row.heardSecondsAgo, row.absent],
      ...[row.inStep, row.changesBehind, row.applied, row.appliedVia, row.rttMs, row.toleranceSeconds],
      ...[row.stretched, row.theirToleranceSeconds, row.link?.state, row.link?.sinceSeconds],
      ...[row.link?.reason, row.link?.closed, row.clock?.trusted, row.clock?.aheadSeconds, row.bytesIn],
      ...[row.bytesOut, row.admin, row.address, row.lastError],
    ]),
  }),
  rows: (peers) => peers,
  key: ({ peer }) => peer,
  quiet: ['sinceSeconds', 'heardSecondsAgo', 'rttMs', 'aheadSeconds', 'bytesIn', 'bytesOut', 'flooding'],
};
