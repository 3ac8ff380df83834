import type { CommandModule } from 'yargs';
import type { ChangeView } from '../../control/commands/change.ts';
import { askFirst, type ChangeArgs, changeOptions, printChange } from '../change.ts';

interface Args extends ChangeArgs {
  readonly what: string;
  readonly time: string;
  readonly reason?: string | undefined;
  readonly yes: boolean;
}

export const pause: CommandModule<object, Args> = {
  command: 'pause <what> [time]',
  describe: 'no internet for a device or a group, for a while',
  builder: (yargs) =>
    changeOptions(
      yargs
        .positional('what', { type: 'string', describe: 'a device or a group of devices' })
        .positional('time', { type: 'string', default: '1h', describe: 'how long: 10m, 2h' })
        .option('reason', { type: 'string', describe: 'why, for the others' })
        .option('yes', { type: 'boolean', default: false, describe: 'do not ask' }),
    ).example('$0 pause tablet 30m', 'it comes back by itself') as never,
  handler: async (args) => {
    const params = { what: String(args.what), for: String(args.time), reason: args.reason };
    printChange(await askFirst<ChangeView>(args, 'pause', params), 'paused', args.json);
  },
};
