import type { Argv, CommandModule } from 'yargs';
import type { GroupChangeView } from '../../control/commands/groups.ts';
import type { GroupView } from '../../control/views/groups.ts';
import { shortId } from '../../control/views/shown.ts';
import { ask, type Common } from '../ask.ts';
import { type ChangeArgs, changeOptions, changeParams } from '../change.ts';
import { harmless, paint, printJson, printLine, printTable } from '../output.ts';
import { printWritten, setExitCode } from '../written.ts';

interface Args extends ChangeArgs {
  readonly name: string;
  readonly subjects: readonly string[];
}

const add: CommandModule<object, Args> = {
  command: 'add <name> <subjects..>',
  describe: 'put devices, domains, addresses or networks into a group; the first makes it',
  builder: (yargs) =>
    changeOptions(named(yargs)).example(
      '$0 group add kids tablet phone',
      'then: hedgerow block kids --until 07:00',
    ) as never,
  handler: (args) => change(args, 'add'),
};

const remove: CommandModule<object, Args> = {
  command: 'remove <name> <subjects..>',
  describe: 'take them out; the blocks of the group no longer cover them',
  builder: (yargs) => changeOptions(named(yargs)) as never,
  handler: (args) => change(args, 'remove'),
};

function named(yargs: Argv): Argv {
  return yargs.positional('name', { type: 'string', describe: 'of the group' }).positional('subjects', {
    type: 'string',
    array: true,
    describe: 'devices, domains, addresses or networks, by any name',
  });
}

async function change(args: Args, what: 'add' | 'remove'): Promise<void> {
  const view = await ask<GroupChangeView>(args, `group.${what}`, {
    ...changeParams(args),
    group: String(args.name),
    subjects: args.subjects.map(String),
  });
  setExitCode(view);
  if (args.json) {
    printJson(view);
    return;
  }
  const would = view.dryRun ? 'would be ' : '';
  const where = `${what === 'add' ? 'put into' : 'taken out of'} ${paint('bold', harmless(view.group.name))}`;
  if (view.members.length === 0) printLine(`they are in ${paint('bold', harmless(view.group.name))} already`);
  for (const member of view.members) printLine(`${harmless(member)} ${would}${where}`);
  printWritten(view);
}

async function showOne(args: Common & { name: string }): Promise<void> {
  const view = await ask<GroupView>(args, 'group', { group: args.name });
  if (args.json) {
    printJson(view);
    return;
  }
  printTable(
    ['MEMBER', 'KIND'],
    view.members.map(({ label, subject }) => [label, subject.kind]),
    `nobody is in ${harmless(view.name)}`,
  );
  for (const { id, kind, a, b, time } of view.policies) {
    const when = time === '' ? '' : `, ${time}`;
    printLine(`${kind} ${harmless(`${a.label} – ${b.label}${when}`)}  ${paint('dim', shortId(id))}`);
  }
}

/** Default of `group`, so that any other word is a group's name and not a mistyped verb. */
const show: CommandModule<object, Common & { name?: string }> = {
  command: '$0 [name]',
  describe: 'list the groups, or who is in one',
  builder: (yargs) => yargs.positional('name', { type: 'string', describe: 'only this one' }) as never,
  handler: async (args) => {
    if (args.name === undefined) await showAll(args);
    else await showOne({ ...args, name: String(args.name) });
  },
};

async function showAll(args: Common): Promise<void> {
  const view = await ask<GroupView[]>(args, 'groups');
  if (args.json) {
    printJson(view);
    return;
  }
  printTable(
    ['GROUP', 'MEMBERS', 'POLICIES'],
    view.map((one) => [
      one.name,
      one.members.map(({ label }) => label).join(', '),
      String(one.policies.length),
    ]),
    'there is no group; hedgerow group add <name> <device> makes one',
  );
}

export const group: CommandModule<object, Common> = {
  command: 'group',
  describe: 'the groups of the home, who is in one, and changing that',
  builder: (yargs) => yargs.command(show).command(add).command(remove) as never,
  handler: () => undefined,
};
