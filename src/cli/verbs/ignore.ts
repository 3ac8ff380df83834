import type { CommandModule } from 'yargs';
import type { ChangeView } from '../../control/commands/change.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams, printChange } from '../change.ts';

export const ignore: CommandModule<object, ChangeArgs & { what: string }> = {
  command: 'ignore <what>',
  describe: 'leave the flows of a node out of what is shown; they are counted and blocked all the same',
  builder: (yargs) =>
    changeOptions(
      yargs.positional('what', { type: 'string', describe: 'a device, a domain, an address or a group' }),
    ).example('$0 ignore time.example', 'its flows: hedgerow flows --all') as never,
  handler: async (args) => {
    const params = { ...changeParams(args), what: String(args.what) };
    printChange(await ask<ChangeView>(args, 'ignore', params), 'ignored', args.json);
  },
};
