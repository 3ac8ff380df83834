import type { CommandModule } from 'yargs';
import type { NodeView } from '../../control/views/nodes.ts';
import { ask, type Common } from '../ask.ts';
import { duration, printJson, printTable } from '../output.ts';

export const devices: CommandModule<object, Common> = {
  command: 'devices',
  describe: 'the devices of the home that this router knows',
  handler: async (args) => {
    const view = await ask<NodeView[]>(args, 'devices');
    if (args.json) printJson(view);
    else {
      printTable(
        ['ID', 'NAME', 'GROUPS', 'MAC', 'ADDRESSES', 'SEEN'],
        view.map((node) => [
          node.id.slice(0, 8),
          names(node),
          node.groups.join(', '),
          node.macs.join(' ') + (node.randomisedMac ? ' (randomised)' : ''),
          node.addresses.map(({ address }) => address).join(' '),
          node.seenSecondsAgo === undefined ? 'elsewhere' : `${duration(node.seenSecondsAgo)} ago`,
        ]),
        'no device was seen yet',
      );
    }
  },
};

/** Of several names that people gave the first is shown; the others are listed beside it. */
function names({ label, given, ignored }: NodeView): string {
  const others = given.slice(1);
  const also = others.length > 0 ? ` (also ${others.join(', ')})` : '';
  return `${label}${also}${ignored ? ' (ignored)' : ''}`;
}
