import type { CommandModule } from 'yargs';
import type { SameView } from '../../control/commands/same.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams, given } from '../change.ts';
import { printSame } from './merge.ts';

interface Args extends ChangeArgs {
  readonly first: string;
  readonly second?: string | undefined;
}

export const split: CommandModule<object, Args> = {
  command: 'split <first> [second]',
  describe: 'two nodes are not one (any more); what is blocked stays blocked for both',
  builder: (yargs) =>
    changeOptions(
      yargs
        .positional('first', {
          type: 'string',
          describe: 'the node to take out: best by its MAC, address or id',
        })
        .positional('second', {
          type: 'string',
          describe: 'what it is not; without it: all that it was merged with',
        }),
    )
      .example('$0 split 02:00:00:00:12:34', 'it was not the laptop after all')
      .example('$0 split phone tablet', 'never propose to merge these') as never,
  handler: async (args) => {
    const second = args.second === undefined ? undefined : String(args.second);
    const params = given({ ...changeParams(args), first: String(args.first), second });
    printSame(await ask<SameView>(args, 'split', params), 'two', args.json);
  },
};
