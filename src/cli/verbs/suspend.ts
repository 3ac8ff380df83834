import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { HaltView } from '../../control/commands/halt.ts';
import { ask, type Common } from '../ask.ts';
import { printHalt } from '../halt-text.ts';

interface Args extends Common {
  readonly time: string;
  readonly home: boolean;
  readonly dryRun: boolean;
}

export const suspend: CommandModule<object, Args> = {
  command: 'suspend [time]',
  describe: 'block nothing on this router for a while; it ends by itself',
  builder: (yargs) =>
    yargs
      .positional('time', {
        type: 'string',
        default: '10m',
        describe: 'how long: 90s, 10m, 2h; a day at most',
      })
      .option('home', { type: 'boolean', default: false, describe: 'on every router that can be reached' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 suspend 10m', 'is it Hedgerow that is in the way?')
      .example('$0 suspend 1h --home', 'the stop button of the whole home') as never,
  handler: async (args) => {
    const { time, home, dryRun } = args;
    const params = { by: personFromEnvironment(), for: String(time), home, dryRun };
    printHalt(await ask<HaltView>(args, 'suspend', params), args.json);
  },
};
