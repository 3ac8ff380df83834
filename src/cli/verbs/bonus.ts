import type { CommandModule } from 'yargs';
import type { ChangeView } from '../../control/commands/change.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams, given, printChange } from '../change.ts';

interface Args extends ChangeArgs {
  readonly what: string;
  readonly time: string;
  readonly reason?: string | undefined;
}

export const bonus: CommandModule<object, Args> = {
  command: 'bonus <what> [time]',
  describe: 'the internet for a device or a group for a while, whatever its schedule says',
  builder: (yargs) =>
    changeOptions(
      yargs
        .positional('what', { type: 'string', describe: 'a device or a group of devices' })
        .positional('time', { type: 'string', default: '30m', describe: 'how long: 10m, 2h' })
        .option('reason', { type: 'string', describe: 'why, for the others' }),
    ).example('$0 bonus kids 30m', 'half an hour more this evening') as never,
  handler: async (args) => {
    const params = { what: String(args.what), for: String(args.time), reason: args.reason };
    const view = await ask<ChangeView>(args, 'bonus', given({ ...changeParams(args), ...params }));
    printChange(view, 'allowed', args.json);
  },
};
