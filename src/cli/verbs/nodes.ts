import type { CommandModule } from 'yargs';
import type { NodeView } from '../../control/views/nodes.ts';
import { ask, type Common } from '../ask.ts';
import { printJson, printTable } from '../output.ts';

export const nodes: CommandModule<object, Common> = {
  command: 'nodes',
  describe: 'every node that this router knows, devices first',
  handler: async (args) => {
    const view = await ask<NodeView[]>(args, 'nodes');
    if (args.json) printJson(view);
    else {
      printTable(
        ['ID', 'KIND', 'NAME', 'DOMAINS', 'ADDRESSES'],
        view.map((node) => [
          node.id.slice(0, 8),
          node.device ? 'device' : 'remote',
          node.label,
          node.domains.join(' '),
          node.addresses.map(({ address }) => address).join(' '),
        ]),
        'no node was seen yet',
      );
    }
  },
};
