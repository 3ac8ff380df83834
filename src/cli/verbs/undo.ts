import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { UndoView } from '../../control/commands/undo.ts';
import { ask, type Common } from '../ask.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';
import { printWritten, setExitCode } from '../written.ts';

interface Args extends Common {
  readonly which?: string | undefined;
  readonly any: boolean;
  readonly wait: boolean;
  readonly dryRun: boolean;
}

export const undo: CommandModule<object, Args> = {
  command: 'undo [which]',
  describe: 'take back your newest changes on this router, or one change by its id',
  builder: (yargs) =>
    yargs
      .positional('which', {
        type: 'string',
        describe: 'how many (1), or the beginning of the id of a change: hedgerow audit lists them',
      })
      .option('any', {
        type: 'boolean',
        default: false,
        describe: 'the changes of others on this router, too',
      })
      .option('wait', { type: 'boolean', default: true, describe: 'wait for the other routers' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 undo', 'your newest change')
      .example('$0 undo 3', 'the newest three') as never,
  handler: async (args) => {
    const which = String(args.which ?? '1');
    const view = await ask<UndoView>(args, 'undo', {
      by: personFromEnvironment(),
      ...(/^\d{1,3}$/.test(which) ? { count: Number(which) } : { id: which.toLowerCase() }),
      any: args.any,
      wait: args.wait,
      dryRun: args.dryRun,
    });
    setExitCode(view);
    if (args.json) {
      printJson(view);
      return;
    }
    const would = args.dryRun ? 'would be ' : '';
    for (const { id, by, restored, lifted } of view.undone) {
      printLine(`${paint('dim', id.slice(0, 8))} by ${harmless(by)} ${would}undone`);
      for (const words of lifted) printLine(`  ${paint('red', '−')} ${harmless(words)}`);
      for (const words of restored) printLine(`  ${paint('green', '+')} ${harmless(words)}`);
    }
    printWritten(view);
  },
};
