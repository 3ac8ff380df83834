import type { CommandModule } from 'yargs';
import { systemClock } from '../../clock.ts';
import type { DeviceView } from '../../control/views/nodes.ts';
import { ask } from '../ask.ts';
import { type LookArgs, lookOptions, show } from '../look.ts';
import { bytes, duration, tableLines } from '../output.ts';

interface DevicesArgs extends LookArgs {
  readonly new?: string | undefined;
}

export const devices: CommandModule<object, DevicesArgs> = {
  command: 'devices',
  describe: 'the devices of the home: where they are, and how much they send and receive',
  builder: (yargs) =>
    lookOptions(yargs)
      .option('new', {
        type: 'string',
        describe: 'only those that this router saw first within so long: 24h',
      })
      .example('$0 devices --new 7d', 'what is new in the home since a week') as never,
  handler: async (args) => {
    const { parseFor } = await import('../../control/durations.ts');
    const since = args.new === undefined ? undefined : systemClock.now() - parseFor(args.new) * 1000;
    const isMeant = ({ firstSeen }: DeviceView) =>
      since === undefined || (firstSeen !== undefined && Date.parse(firstSeen.at) >= since);
    await show<DeviceView[], DeviceView>(args, {
      ask: async () => (await ask<DeviceView[]>(args, 'devices')).filter(isMeant),
      view: since === undefined ? { name: 'devices', params: {} } : undefined,
      lines: (view) =>
        tableLines(
          ['ID', 'NAME', 'GROUPS', 'MAC', 'ADDRESSES', 'ROUTER', 'SEEN', 'TODAY', 'IN ALL'],
          view.map((node) => [
            node.id.slice(0, 8),
            names(node),
            node.groups.join(', '),
            node.macs.join(' ') + maker(node),
            node.addresses.map(({ address }) => address).join(' '),
            placeOf(node),
            node.seenSecondsAgo === undefined ? 'elsewhere' : `${duration(node.seenSecondsAgo)} ago`,
            upDown(node.bytesToday),
            upDown(node.bytes ?? node.bytesHere),
          ]),
          since === undefined ? 'no device was seen yet' : 'no device is new',
        ),
      csv: (view) => ({
        head: [
          ...['id', 'name', 'groups', 'macs', 'randomised', 'vendor', 'addresses', 'router', 'first_seen'],
          ...['seen_seconds_ago', 'up_bytes_today', 'down_bytes_today', 'up_bytes', 'down_bytes'],
        ],
        rows: view.map((node) => [
          node.id,
          node.label,
          node.groups.join(' '),
          node.macs.join(' '),
          node.randomisedMac,
          node.vendor,
          node.addresses.map(({ address }) => address).join(' '),
          node.router,
          node.firstSeen?.at,
          node.seenSecondsAgo,
          node.bytesToday?.up,
          node.bytesToday?.down,
          (node.bytesHere ?? node.bytes)?.up,
          (node.bytesHere ?? node.bytes)?.down,
        ]),
      }),
      rows: (view) => view,
      key: ({ id }) => id,
      quiet: ['seenSecondsAgo', 'sinceSeconds'],
    });
  },
};

/** Of several names that people gave the first is shown; the others are listed beside it. */
function names({ label, given, ignored }: DeviceView): string {
  const others = given.slice(1);
  const also = others.length > 0 ? ` (also ${others.join(', ')})` : '';
  return `${label}${also}${ignored ? ' (ignored)' : ''}`;
}

function maker({ randomisedMac, vendor }: DeviceView): string {
  if (randomisedMac) return ' (randomised)';
  return vendor === undefined ? '' : ` (${vendor})`;
}

/** `attic/br-lan`; the router alone when it does not tell the interface. Answers of older routers have no places. */
function placeOf({ router, places }: DeviceView): string {
  const segment = places?.find((place) => place.router === router)?.segments[0];
  return router === undefined || segment === undefined ? (router ?? '–') : `${router}/${segment}`;
}

function upDown(amount: { readonly up: number; readonly down: number } | undefined): string {
  return amount === undefined ? '–' : `${bytes(amount.up)} ↑ ${bytes(amount.down)} ↓`;
}
