import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { AddedView, CreatedView, JoinedView } from '../../control/commands/home.ts';
import type { HomeView } from '../../control/views/home.ts';
import { ask, type Common } from '../ask.ts';
import { harmless, paint, printJson, printLine, printTable } from '../output.ts';

const create: CommandModule<object, Common & { name: string; dryRun: boolean }> = {
  command: 'create <name>',
  describe: 'name this home and take its recovery key',
  builder: (yargs) =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'what to call it' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' }) as never,
  handler: async (args) => {
    const view = await ask<CreatedView>(args, 'home.create', {
      by: personFromEnvironment(),
      name: String(args.name),
      dryRun: args.dryRun,
    });
    if (args.json) {
      printJson(view);
      return;
    }
    if (args.dryRun) {
      printLine(`This home would be called ${harmless(view.name)}.`);
      return;
    }
    printLine(`This home is called ${paint('bold', harmless(view.name))}.`);
    if (view.recoveryKey !== undefined) {
      printLine(
        'Its recovery key, which can admit and evict every router. Write it down; it is shown only once:',
      );
      printLine(`\n  ${view.recoveryKey}\n`);
    }
    printLine('On each other router: hedgerow home. Then here: hedgerow home add <its key>.');
  },
};

const add: CommandModule<object, Common & { peer: string; name?: string; admin: boolean; dryRun: boolean }> =
  {
    command: 'add <peer>',
    describe: 'admit a router by its key and print what it needs',
    builder: (yargs) =>
      yargs
        .positional('peer', {
          type: 'string',
          demandOption: true,
          describe: 'its key: hedgerow home shows it there',
        })
        .option('name', { type: 'string', describe: 'what to call it' })
        .option('admin', {
          type: 'boolean',
          default: true,
          describe: 'it may admit and evict others',
        })
        .option('dry-run', {
          type: 'boolean',
          default: false,
          describe: 'only say what it would do',
        }) as never,
    handler: async (args) => {
      const view = await ask<AddedView>(args, 'home.add', {
        by: personFromEnvironment(),
        peer: String(args.peer),
        ...(args.name === undefined ? {} : { name: args.name }),
        admin: args.admin,
        dryRun: args.dryRun,
      });
      if (args.json) {
        printJson(view);
        return;
      }
      if (args.dryRun) {
        printLine(view.changed ? 'The router would become a member.' : 'The router is a member already.');
        return;
      }
      printLine(view.changed ? 'The router is a member now.' : 'The router was a member already.');
      printLine('On it, type this line. It holds a secret of this home:\n');
      printLine(`hedgerow home join ${view.bundle}`);
    },
  };

const join: CommandModule<object, Common & { bundle: string; dropPolicies: boolean; dryRun: boolean }> = {
  command: 'join <bundle>',
  describe: 'make this router part of another home, with what `home add` printed there',
  builder: (yargs) =>
    yargs
      .positional('bundle', { type: 'string', demandOption: true, describe: 'all of it, as it was printed' })
      .option('drop-policies', {
        type: 'boolean',
        default: false,
        describe: 'give up the policies of its own',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' }) as never,
  handler: async (args) => {
    const view = await ask<JoinedView>(args, 'home.join', {
      bundle: String(args.bundle),
      dropPolicies: args.dropPolicies,
      dryRun: args.dryRun,
    });
    if (args.json) printJson(view);
    else if (!view.changed) printLine('This router is in that home already.');
    else if (args.dryRun) printLine('This router would join that home.');
    else printLine('Joined. The agent starts anew and asks the other routers; hedgerow peers shows them.');
  },
};

export const home: CommandModule<object, Common> = {
  command: 'home',
  describe: 'the home: its members, making it, adding routers',
  builder: (yargs) => yargs.command(create).command(add).command(join) as never,
  handler: async (args) => {
    const view = await ask<HomeView>(args, 'home');
    if (args.json) {
      printJson(view);
      return;
    }
    printLine(
      `${paint('bold', harmless(view.name ?? 'A home without a name'))}  ${paint('dim', view.id.slice(0, 8))}`,
    );
    printLine(`this router: ${view.router}, key ${view.peer}\n`);
    printTable(
      ['ROUTER', 'STANDING', 'ADMIN', 'KEY'],
      view.members.map((member) => [
        member.router + (member.self ? ' (this one)' : ''),
        member.standing,
        member.admin ? 'yes' : 'no',
        member.peer.slice(0, 16),
      ]),
      'no members',
    );
    if (view.recoveryKeyHere)
      printLine('\nThe recovery key lies on this router: hedgerow home create <name> hands it to you.');
  },
};
