import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { InvitedView } from '../../control/commands/invite.ts';
import { ask, type Common } from '../ask.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';

interface Args extends Common {
  readonly admin: boolean;
  readonly for: string;
  readonly withdraw: boolean;
  readonly all: boolean;
  readonly dryRun: boolean;
}

export const invite: CommandModule<object, Args> = {
  command: 'invite',
  describe: 'print a token that lets one router into this home, once',
  builder: (yargs) =>
    yargs
      .option('admin', {
        type: 'boolean',
        default: true,
        describe: 'it may admit and evict others; --no-admin for one that others can reach',
      })
      .option('for', { type: 'string', default: '1h', describe: 'how long the token is good: 10m, 1h, 1d' })
      .option('withdraw', {
        type: 'boolean',
        default: false,
        describe: 'end every token of this router that nobody has used',
      })
      .option('all', {
        type: 'boolean',
        default: false,
        describe: 'with --withdraw: those of the other routers too',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 invite --for 10m', 'for a router that stands beside you') as never,
  handler: async (args) => {
    if (args.withdraw) {
      const ended = await ask<{ withdrawn: number }>(args, 'invite.withdraw', {
        by: personFromEnvironment(),
        all: args.all,
        dryRun: args.dryRun,
      });
      if (args.json) printJson(ended);
      else
        printLine(
          `${ended.withdrawn} open invitation${ended.withdrawn === 1 ? '' : 's'} ${args.dryRun ? 'would be ' : ''}ended.`,
        );
      return;
    }
    const view = await ask<InvitedView>(args, 'invite', {
      by: personFromEnvironment(),
      admin: args.admin,
      for: args.for,
      dryRun: args.dryRun,
    });
    if (args.json) {
      printJson(view);
      return;
    }
    if (args.dryRun) {
      printLine(`A token would be made that is good until ${view.until}.`);
      return;
    }
    if (process.stdout.isTTY) {
      const { renderUnicodeCompact } = await import('uqr');
      printLine(renderUnicodeCompact(view.token));
    }
    printLine(
      `On the other router, until ${view.until}. It is a secret of this home, and lets in one router:\n`,
    );
    printLine(`hedgerow join ${view.token}\n`);
    const [first = 'this router', ...more] = view.routers;
    const whom = more.length === 0 ? first : `one of ${[first, ...more].join(', ')}`;
    printLine(
      paint('dim', harmless(`It must reach ${whom} when it joins; hedgerow invite --withdraw ends it.`)),
    );
    if (!view.lasting)
      printLine('The clock of this router is not trusted: the token also ends when its agent restarts.');
  },
};
