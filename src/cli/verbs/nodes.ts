import type { CommandModule } from 'yargs';
import type { NodeView } from '../../control/views/nodes.ts';
import { ask } from '../ask.ts';
import { type LookArgs, lookOptions, show } from '../look.ts';
import { tableLines } from '../output.ts';

interface Args extends LookArgs {
  readonly top: number;
}

export const nodes: CommandModule<object, Args> = {
  command: 'nodes',
  describe: 'every node that this router knows, devices first',
  builder: (yargs) =>
    lookOptions(yargs.option('top', { type: 'number', default: 5_000, describe: 'how many' })) as never,
  handler: (args) =>
    show<NodeView[], NodeView>(args, {
      ask: () => ask<NodeView[]>(args, 'nodes', { top: args.top }),
      view: { name: 'nodes', params: { top: args.top } },
      lines: (view) =>
        tableLines(
          ['ID', 'KIND', 'NAME', 'DOMAINS', 'ADDRESSES'],
          view.map((node) => [
            node.id.slice(0, 8),
            kindOf(node),
            node.label,
            node.domains.join(' '),
            addressesOf(node),
          ]),
          'no node was seen yet',
        ),
      csv: (view) => ({
        head: ['id', 'kind', 'name', 'domains', 'addresses', 'macs', 'seen_seconds_ago'],
        rows: view.map((node) => [
          node.id,
          kindOf(node),
          node.label,
          node.domains.join(' '),
          addressesOf(node),
          node.macs.join(' '),
          node.seenSecondsAgo,
        ]),
      }),
      rows: (view) => view,
      key: ({ id }) => id,
      quiet: ['seenSecondsAgo'],
    }),
};

function kindOf({ device }: NodeView): string {
  return device ? 'device' : 'remote';
}

function addressesOf({ addresses }: NodeView): string {
  return addresses.map(({ address }) => address).join(' ');
}
