import type { CommandModule } from 'yargs';
import type { ChangeView } from '../../control/commands/change.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams, given, printChange } from '../change.ts';

export const confirm: CommandModule<object, ChangeArgs & { id?: string }> = {
  command: 'confirm [id]',
  describe: 'make a trial (block --confirm) last: the newest, or one by the beginning of its id',
  builder: (yargs) =>
    changeOptions(yargs.positional('id', { type: 'string', describe: 'of hedgerow policies' })).example(
      '$0 confirm',
      'after: hedgerow block camera lan --confirm 90s',
    ) as never,
  handler: async (args) => {
    const id = args.id === undefined ? undefined : String(args.id);
    const view = await ask<ChangeView>(args, 'confirm', given({ ...changeParams(args), id }));
    printChange(view, 'confirmed', args.json);
  },
};
