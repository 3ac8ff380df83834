import type { CommandModule } from 'yargs';
import type { ChangeView } from '../../control/commands/change.ts';
import { ask } from '../ask.ts';
import { changeParams, given, printChange } from '../change.ts';
import { type LiftArgs, liftOptions } from '../policy.ts';

export const unblock: CommandModule<object, LiftArgs> = {
  command: 'unblock <what> [from]',
  describe: 'lift a block on every router: the same words as for block, or the beginning of a policy id',
  builder: (yargs) =>
    liftOptions(yargs, 'block')
      .example('$0 unblock tv ads.example', 'by any of the names of both')
      .example('$0 unblock 3fa85f64', 'by the id that hedgerow policies shows') as never,
  handler: async (args) => {
    const params = { first: String(args.what), second: args.from, all: args.all };
    const view = await ask<ChangeView>(args, 'unblock', given({ ...changeParams(args), ...params }));
    printChange(view, 'unblocked', args.json);
  },
};
