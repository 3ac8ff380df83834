import type { CommandModule } from 'yargs';
import type { FlowView } from '../../control/views/flows.ts';
import { ask, type Common } from '../ask.ts';
import { bytes, duration, printJson, printTable } from '../output.ts';

export const flows: CommandModule<object, Common & { top: number; all: boolean }> = {
  command: 'flows',
  describe: 'who talks to whom through this router, the busiest first',
  builder: (yargs) =>
    yargs
      .option('top', { type: 'number', default: 50, describe: 'how many' })
      .option('all', { type: 'boolean', default: false, describe: 'also those of ignored nodes' }) as never,
  handler: async (args) => {
    const view = await ask<FlowView[]>(args, 'flows', { top: args.top, all: args.all });
    if (args.json) printJson(view);
    else {
      printTable(
        ['DEVICE', 'WITH', 'SERVICE', 'UP', 'DOWN', 'CONNECTIONS', 'SEEN'],
        view.map((flow) => [
          flow.device.label,
          flow.other.label + (flow.ignored ? ' (ignored)' : ''),
          flow.port === 0 ? flow.protocol : `${flow.protocol}/${flow.port}`,
          bytes(flow.up?.bytes),
          bytes(flow.down?.bytes),
          String(flow.connections),
          `${duration(flow.seenSecondsAgo)} ago`,
        ]),
        'no flow was seen yet',
      );
    }
  },
};
