import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { ChangeView } from '../../control/commands/block.ts';
import { ask, type Common } from '../ask.ts';
import { printChange } from '../change.ts';

interface Args extends Common {
  readonly what: string;
  readonly from?: string | undefined;
  readonly reason?: string | undefined;
  readonly wait: boolean;
  readonly dryRun: boolean;
}

export const block: CommandModule<object, Args> = {
  command: 'block <what> [from]',
  describe: 'block a device from something, or something for the whole home, on every router',
  builder: (yargs) =>
    yargs
      .positional('what', {
        type: 'string',
        describe: 'a device (name, MAC, address, id), or a domain or address',
      })
      .positional('from', {
        type: 'string',
        describe: 'what it should not reach: a domain, an address, a device',
      })
      .option('reason', { type: 'string', describe: 'why, for the others' })
      .option('wait', { type: 'boolean', default: true, describe: 'wait for the other routers' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 block tv ads.example', 'the TV does not reach ads.example any more')
      .example('$0 block tracker.example', 'nobody does') as never,
  handler: async (args) => {
    const view = await ask<ChangeView>(args, 'block', {
      by: personFromEnvironment(),
      first: args.what,
      ...(args.from === undefined ? {} : { second: args.from }),
      ...(args.reason === undefined ? {} : { reason: args.reason }),
      wait: args.wait,
      dryRun: args.dryRun,
    });
    printChange(view, 'blocked', args.json);
  },
};
