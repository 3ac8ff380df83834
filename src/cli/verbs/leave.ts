import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { LeftView } from '../../control/commands/leave.ts';
import { ask, type Common } from '../ask.ts';
import { confirmed } from '../confirmed.ts';
import { harmless, printJson, printLine } from '../output.ts';

interface Args extends Common {
  readonly yes: boolean;
  readonly alone: boolean;
  readonly dryRun: boolean;
}

export const leave: CommandModule<object, Args> = {
  command: 'leave',
  describe: 'take this router out of its home: it begins one of its own',
  builder: (yargs) =>
    yargs
      .option('yes', { type: 'boolean', default: false, describe: 'do not ask' })
      .option('alone', {
        type: 'boolean',
        default: false,
        describe: 'also when no other router can be told: evict this one there, then',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' }) as never,
  handler: async (args) => {
    const { alone } = args;
    const params = { by: personFromEnvironment(), alone };
    const plan = await ask<LeftView>(args, 'leave', { ...params, dryRun: true });
    const of = plan.home === undefined ? 'its home' : `the home "${harmless(plan.home)}"`;
    if (!args.json) {
      printLine(`This router would leave ${of}.`);
      const policies = plan.policies === 1 ? 'one policy is' : `${plan.policies} policies are`;
      printLine(`Its ${policies} not enforced here any more; what was written here stays with the others.`);
      printLine('It begins a home of its own, with a new key. To come back it has to be invited.');
    }
    if (args.dryRun) {
      if (args.json) printJson(plan);
      return;
    }
    if (!args.yes) await confirmed('Leave?', args.json);
    const view = await ask<LeftView>(args, 'leave', { ...params, confirm: true });
    if (args.json) printJson(view);
    else if (view.evicted) printLine('Left; it had been evicted already. The agent starts anew.');
    else if (view.told.length === 0) printLine('Left, but no other router knows: evict this one there.');
    else
      printLine(
        `Left; ${harmless(view.told.join(', '))} know${view.told.length === 1 ? 's' : ''}. The agent starts anew.`,
      );
  },
};
