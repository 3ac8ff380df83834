import type { CommandModule } from 'yargs';
import { keepProcessAlive, systemClock } from '../../clock.ts';
import type { JoinedView } from '../../control/commands/home.ts';
import { several } from '../../control/views/held-words.ts';
import type { HomeView } from '../../control/views/home.ts';
import type { StatusView } from '../../control/views/status.ts';
import { HedgerowError } from '../../errors.ts';
import { ask, type Common } from '../ask.ts';
import { harmless, printJson, printLine } from '../output.ts';
import { secretFrom } from '../secret-input.ts';

interface Args extends Common {
  readonly token: string;
  readonly dropPolicies: boolean;
  readonly dryRun: boolean;
}

/** So long it is watched how the new home comes in, milliseconds, and how often. */
const WATCH_MS = 60_000;
const LOOK_MS = 500;

export const join: CommandModule<object, Args> = {
  command: 'join <token>',
  describe: 'make this router part of another home, with what `invite` printed there',
  builder: (yargs) =>
    yargs
      .positional('token', {
        type: 'string',
        demandOption: true,
        describe: 'hedgerow-invite2.…; - reads it from the standard input',
      })
      .option('drop-policies', {
        type: 'boolean',
        default: false,
        describe: 'give up the policies of its own',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' }) as never,
  handler: async (args) => {
    // The parser makes nothing of a single dash.
    const token = args.token === '-' || args.token === '' ? await secretFrom('-', 'token') : args.token;
    const { dropPolicies, dryRun } = args;
    if (!dryRun) tell(args, 'asking to be let in …');
    const view = await ask<JoinedView>(args, 'join', { token, dropPolicies, dryRun });
    if (view.changed && !dryRun) {
      const alive = keepProcessAlive();
      await watch(args, view.id).finally(() => alive.clear());
    }
    if (args.json) printJson(view);
    else if (!view.changed) printLine('This router is in that home already.');
    else if (dryRun) printLine('This router would ask to be let in.');
    else printLine('Joined: hedgerow home shows its members, hedgerow policies what it blocks.');
  },
};

/** Tells how far it is, until this router knows itself as a member; it goes on by itself when nobody watches. */
async function watch(args: Args, id: string): Promise<void> {
  tell(args, 'let in; the agent starts anew …');
  const end = systemClock.monotonic() + WATCH_MS;
  let said = '';
  while (systemClock.monotonic() < end) {
    await systemClock.sleep(LOOK_MS);
    try {
      const home = await ask<HomeView>(args, 'home');
      if (home.id === id && home.members.some(({ self }) => self)) {
        tell(
          args,
          `${several(home.members.length, 'member')}${home.name === undefined ? '' : ` of "${harmless(home.name)}"`}`,
        );
        return;
      }
      const { syncing } = await ask<StatusView>(args, 'status');
      const words =
        syncing === undefined
          ? 'waiting for the others …'
          : `${syncing.received} of ${syncing.expected} changes`;
      if (words !== said) tell(args, words);
      said = words;
    } catch (error) {
      // Between two lives the agent does not answer.
      if (!(error instanceof HedgerowError)) throw error;
    }
  }
  tell(args, 'it has not heard of the others yet and goes on trying: hedgerow peers');
}

function tell({ json }: Args, words: string): void {
  if (!json && process.stderr.isTTY) process.stderr.write(`${words}\n`);
}
