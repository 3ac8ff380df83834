import type { CommandModule } from 'yargs';
import { personFromEnvironment } from '../../config.ts';
import type { AddedView, CreatedView, JoinedView } from '../../control/commands/home.ts';
import type { HomeView } from '../../control/views/home.ts';
import { ask, type Common } from '../ask.ts';
import { given } from '../change.ts';
import { harmless, paint, printJson, printLine, printTable } from '../output.ts';
import { secretFrom } from '../secret-input.ts';

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
    printLine('For each other router: hedgerow invite, and what that prints is typed there.');
  },
};

interface AddArgs extends Common {
  readonly peer: string;
  readonly name?: string;
  readonly admin?: boolean;
  readonly recoveryKey?: string;
  readonly dryRun: boolean;
}

const add: CommandModule<object, AddArgs> = {
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
        describe: 'it may admit and evict others (default for a new router; --admin makes a member one)',
      })
      .option('recovery-key', {
        type: 'string',
        // Else the parser takes a single dash for something else.
        nargs: 1,
        describe: "sign with the home's recovery key; - reads it from the standard input",
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'only say what it would do',
      }) as never,
  handler: async (args) => {
    const { recoveryKey: typed } = args;
    const recoveryKey = typed === undefined ? undefined : await secretFrom(typed, 'recovery key');
    const view = await ask<AddedView>(args, 'home.add', {
      by: personFromEnvironment(),
      peer: String(args.peer),
      ...given({ name: args.name, admin: args.admin, recoveryKey }),
      dryRun: args.dryRun,
    });
    if (args.json) {
      printJson(view);
      return;
    }
    if (args.dryRun) {
      printLine(standingOf(view, 'would become', 'is'));
      return;
    }
    printLine(standingOf(view, 'is now', 'was'));
    // One that was made an admin is in the home already.
    if (view.self || view.promoted) return;
    printLine('On it, type this line. It holds a secret of this home:\n');
    printLine(`hedgerow home join ${view.bundle}`);
  },
};

function standingOf({ changed, promoted, self }: AddedView, now: string, already: string): string {
  const router = self ? 'This router' : 'The router';
  if (!changed) return `${router} ${already} a member already.`;
  return `${router} ${now} ${promoted ? 'an admin' : 'a member'}.`;
}

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
    if (view.gone !== undefined) printLine(`${paint('red', harmless(view.gone))}\n`);
    printTable(
      ['ROUTER', 'STANDING', 'ADMIN', 'LAST HEARD', 'KEY'],
      view.members.map((member) => [
        member.router + (member.self ? ' (this one)' : ''),
        member.standing,
        member.admin ? 'yes' : 'no',
        member.self ? 'now' : (member.lastHeard?.slice(0, 16).replace('T', ' ') ?? '–'),
        member.peer.slice(0, 16),
      ]),
      'no members',
    );
    for (const line of [...remarks(view), ...untaken(view)]) printLine(harmless(line));
    if (view.recoveryKeyHere)
      printLine('\nThe recovery key lies on this router: hedgerow home create <name> hands it to you.');
  },
};

/** Changes of which somebody may think that they hold. */
function untaken({ notTaken, notTakenInAll }: HomeView): string[] {
  if (notTaken.length === 0) return [];
  const lines = notTaken.map(({ at, by, router, made, replaced }) => {
    const what = [...made, ...replaced.map((words) => `lifted: ${words}`)].join('; ');
    return `  ${what}  (${by} on ${router}, ${at.slice(0, 16).replace('T', ' ')})`;
  });
  const more = notTakenInAll - notTaken.length;
  const rest = more === 0 ? [] : [`  and ${more} more: hedgerow audit`];
  return [
    '',
    'Not taken, because the router was evicted; who still wants it, says it again:',
    ...lines,
    ...rest,
  ];
}

/** What a person should know of the members besides the table, and which invitations are open. */
function remarks({ members, invitations }: HomeView): string[] {
  const absent = members
    .filter((member) => member.absent)
    .map(({ router, lastHeard }) => {
      const since =
        lastHeard === undefined ? 'was never heard here' : `was last heard on ${lastHeard.slice(0, 10)}`;
      return `${router} ${since}: if it is gone for good, hedgerow evict ${router}`;
    });
  const shared = members.filter((member) => member.sharedInvitation).map(({ router }) => router);
  const copied =
    shared.length === 0
      ? []
      : [
          `${shared.join(' and ')} came by an invitation that lets in one: evict the one that you do not know`,
        ];
  const open = invitations.map(({ router, by, admin, until }) => {
    const end = until === undefined ? '' : ` until ${until}`;
    return `open invitation of ${by} on ${router}${end}${admin ? '' : ' (no admin)'}`;
  });
  const lines = [...absent, ...copied, ...open];
  return lines.length === 0 ? [] : ['', ...lines];
}
