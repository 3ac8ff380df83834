import type { CommandModule } from 'yargs';
import type { ChangeView } from '../../control/commands/change.ts';
import { ask } from '../ask.ts';
import { changeParams, given, printChange } from '../change.ts';
import { type LiftArgs, liftOptions } from '../policy.ts';

export const unallow: CommandModule<object, LiftArgs> = {
  command: 'unallow <what> [from]',
  describe: 'take an exception back: the same words as for allow, or the beginning of a policy id',
  builder: (yargs) =>
    liftOptions(yargs, 'allow').example(
      '$0 unallow tablet school.example',
      'it is cut like all else',
    ) as never,
  handler: async (args) => {
    const params = { first: String(args.what), second: args.from, all: args.all };
    const view = await ask<ChangeView>(args, 'unallow', given({ ...changeParams(args), ...params }));
    printChange(view, 'allowed no more', args.json);
  },
};
