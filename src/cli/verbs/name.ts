import type { CommandModule } from 'yargs';
import type { NameView } from '../../control/commands/names.ts';
import { UsageError } from '../../errors.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams, given, printHeard } from '../change.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';

interface Args extends ChangeArgs {
  readonly what: string;
  readonly text?: string | undefined;
  readonly remove: boolean;
}

export const name: CommandModule<object, Args> = {
  command: 'name <what> [text]',
  describe: 'give a device, another node, a router or the home a name that all routers know',
  builder: (yargs) =>
    changeOptions(
      yargs
        .positional('what', {
          type: 'string',
          describe: 'a device (name, MAC, address, id), router:NAME, home',
        })
        .positional('text', { type: 'string', describe: 'its name' })
        .option('remove', { type: 'boolean', default: false, describe: 'take the given name away' }),
    )
      .example('$0 name 192.168.1.20 "Living room TV"', 'it stays with the device, whatever its address')
      .example('$0 name tv --remove', 'it is shown as it calls itself') as never,
  handler: async (args) => {
    if ((args.text === undefined) !== args.remove) {
      throw new UsageError('say a name, or --remove', { hint: 'hedgerow name tv "Living room TV"' });
    }
    const params = { what: String(args.what), text: args.text === undefined ? undefined : String(args.text) };
    const view = await ask<NameView>(args, 'name', given({ ...changeParams(args), ...params }));
    if (args.json) {
      printJson(view);
      return;
    }
    const would = view.dryRun ? 'would be' : 'is';
    const called = view.dryRun && params.text !== undefined ? params.text : view.label;
    printLine(`it ${would} called ${paint('bold', harmless(called))}${view.changed ? '' : ' already'}`);
    if (view.retired.length > 0) printLine(`before: ${harmless(view.retired.join(', '))}`);
    printHeard(view);
  },
};
