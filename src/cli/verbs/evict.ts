import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { EvictView } from '../../control/commands/evict.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, given, printHeard } from '../change.ts';
import { confirmed } from '../confirmed.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';
import { secretFrom } from '../secret-input.ts';
import { printWritten, setExitCode } from '../written.ts';

interface Args extends ChangeArgs {
  readonly router: string;
  readonly yes: boolean;
  readonly before?: string | undefined;
  readonly recoveryKey?: string | undefined;
}

export const evict: CommandModule<object, Args> = {
  command: 'evict <router>',
  describe: 'put a router out of the home, for ever',
  builder: (yargs) =>
    changeOptions(
      yargs
        .positional('router', {
          type: 'string',
          demandOption: true,
          describe: 'its name, or the beginning of its key: hedgerow home lists them',
        })
        .option('before', {
          type: 'string',
          describe: 'also undo what it did from this change on (its id: hedgerow audit)',
        })
        .option('recovery-key', {
          type: 'string',
          // Else the parser takes a single dash for something else.
          nargs: 1,
          describe: "sign with the home's recovery key; - reads it from the standard input",
        })
        .option('yes', { type: 'boolean', default: false, describe: 'do not ask' })
        .example('$0 evict shed --dry-run', 'what that would undo')
        .example('$0 evict shed --before 3fa85f64', 'a stolen router: what it did since counts no more'),
    ) as never,
  handler: async (args) => {
    const recoveryKey =
      args.recoveryKey === undefined ? undefined : await secretFrom(args.recoveryKey, 'recovery key');
    const params = given({
      by: personFromEnvironment(),
      wait: args.wait,
      router: args.router,
      before: args.before,
      recoveryKey,
    });
    const plan = await ask<EvictView>(args, 'evict', { ...params, dryRun: true });
    const told = args.json && !args.yes && !args.dryRun;
    if (!args.json) print(plan);
    if (args.dryRun || !plan.changed) {
      if (args.json) printJson(plan);
      return;
    }
    if (!args.yes) await confirmed(`Evict ${plan.router}?`, told);
    const view = await ask<EvictView>(args, 'evict', { ...params, confirm: true });
    // Where nothing falls and nothing returns, no kernel has a say in it.
    const inKernel = view.falls.length + view.returns.length > 0;
    if (inKernel) setExitCode(view);
    if (args.json) {
      printJson(view);
      return;
    }
    printLine(`${paint('bold', harmless(view.router))} is evicted.`);
    if (inKernel) printWritten({ ...view, notes: [] });
    else printHeard({ ...view, notes: [] });
  },
};

function print({
  router,
  peer,
  changed,
  falls,
  returns,
  membersFall,
  membersReturn,
  notes,
}: EvictView): void {
  printLine(`${paint('bold', harmless(router))}  ${paint('dim', peer.slice(0, 16))}`);
  for (const words of falls) printLine(`  ${paint('red', '−')} ${harmless(words)}`);
  for (const words of returns) printLine(`  ${paint('green', '+')} ${harmless(words)}`);
  for (const name of membersFall)
    printLine(`  ${paint('red', '−')} ${harmless(name)} is out of the home as well`);
  for (const name of membersReturn)
    printLine(`  ${paint('green', '+')} ${harmless(name)} is in the home again`);
  const nothing = [falls, returns, membersFall, membersReturn].every((list) => list.length === 0);
  if (changed && nothing) printLine('What it wrote stays in force; it is undone with --before.');
  for (const note of notes) printLine(harmless(note));
}
