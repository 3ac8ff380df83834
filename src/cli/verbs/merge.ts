import type { CommandModule } from 'yargs';
import type { SameView } from '../../control/commands/same.ts';
import type { ProposalView } from '../../control/views/proposals.ts';
import { UsageError } from '../../errors.ts';
import { ask } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams } from '../change.ts';
import { harmless, paint, printJson, printLine, printTable } from '../output.ts';
import { printWritten, setExitCode } from '../written.ts';

interface Args extends ChangeArgs {
  readonly first?: string | undefined;
  readonly second?: string | undefined;
}

export const merge: CommandModule<object, Args> = {
  command: 'merge [first] [second]',
  describe: 'two nodes are one: what holds for either holds for both; alone: what may be one',
  builder: (yargs) =>
    changeOptions(
      yargs
        .positional('first', {
          type: 'string',
          describe: 'a device or another node (name, MAC, address, id)',
        })
        .positional('second', { type: 'string', describe: 'the same one under its other name' }),
    )
      .example('$0 merge', 'devices that may be one, and why')
      .example('$0 merge laptop 02:00:00:00:12:34', 'the laptop on its cable') as never,
  handler: async (args) => {
    if (args.first === undefined) {
      printProposals(await ask<ProposalView[]>(args, 'proposals'), args.json);
      return;
    }
    if (args.second === undefined)
      throw new UsageError('say both nodes', { hint: 'hedgerow merge laptop 02:…' });
    const both = { first: String(args.first), second: String(args.second) };
    printSame(await ask<SameView>(args, 'merge', { ...changeParams(args), ...both }), 'one', args.json);
  },
};

/** Prints what a merge or a split did. */
export function printSame(view: SameView, now: 'one' | 'two', json: boolean): void {
  setExitCode(view);
  if (json) {
    printJson(view);
    return;
  }
  const state = view.changed ? (view.dryRun ? 'would be' : 'are now') : 'were already';
  const [x, y] = [view.x, view.y].map(
    ({ id, label }) => `${paint('bold', harmless(label))} ${paint('dim', id.slice(0, 8))}`,
  );
  printLine(`${x} and ${y} ${state} ${now}`);
  printWritten(view);
}

function printProposals(proposals: readonly ProposalView[], json: boolean): void {
  if (json) {
    printJson(proposals);
    return;
  }
  printTable(
    ['ID', 'DEVICE', 'MAC', 'ID', 'MAY BE', 'MAC', 'BECAUSE'],
    proposals.map(({ x, y, evidence }) => [
      x.id.slice(0, 8),
      x.label,
      x.macs.join(' '),
      y.id.slice(0, 8),
      y.label,
      y.macs.join(' '),
      evidence.join(', '),
    ]),
    'no two devices look like one',
  );
}
