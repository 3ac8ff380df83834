import type { CommandModule } from 'yargs';
import type { ChangeView } from '../../control/commands/change.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams, printChange } from '../change.ts';

export const unignore: CommandModule<object, ChangeArgs & { what: string }> = {
  command: 'unignore <what>',
  describe: 'show the flows of a node again',
  builder: (yargs) =>
    changeOptions(
      yargs.positional('what', { type: 'string', describe: 'a device, a domain, an address or a group' }),
    ).example('$0 unignore time.example', 'by any of its names') as never,
  handler: async (args) => {
    const params = { ...changeParams(args), what: String(args.what) };
    printChange(await ask<ChangeView>(args, 'unignore', params), 'shown again', args.json);
  },
};
