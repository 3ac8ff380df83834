import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { ChangeView } from '../../control/commands/block.ts';
import { ask, type Common } from '../ask.ts';
import { printChange } from '../change.ts';

interface Args extends Common {
  readonly what: string;
  readonly from?: string | undefined;
  readonly all: boolean;
  readonly wait: boolean;
  readonly dryRun: boolean;
}

export const unblock: CommandModule<object, Args> = {
  command: 'unblock <what> [from]',
  describe: 'lift a block on every router: the same words as for block, or the beginning of a policy id',
  builder: (yargs) =>
    yargs
      .positional('what', { type: 'string', describe: 'as for block, or a policy id' })
      .positional('from', { type: 'string', describe: 'as for block' })
      .option('all', {
        type: 'boolean',
        default: false,
        describe: 'also when more than one policy would be lifted',
      })
      .option('wait', { type: 'boolean', default: true, describe: 'wait for the other routers' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' }) as never,
  handler: async (args) => {
    const view = await ask<ChangeView>(args, 'unblock', {
      by: personFromEnvironment(),
      first: String(args.what),
      ...(args.from === undefined ? {} : { second: args.from }),
      all: args.all,
      wait: args.wait,
      dryRun: args.dryRun,
    });
    printChange(view, 'unblocked', args.json);
  },
};
