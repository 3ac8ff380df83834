import type { Argv } from 'yargs';
import type { ChangeView } from '../control/commands/change.ts';
import { askFirst, type ChangeArgs, changeOptions, printChange } from './change.ts';

/** What `block` and `allow` take. */
export interface PolicyArgs extends ChangeArgs {
  readonly what: string;
  readonly from?: string | undefined;
  readonly for?: string | undefined;
  readonly until?: string | undefined;
  readonly schedule?: string | undefined;
  readonly confirm?: string | undefined;
  readonly reason?: string | undefined;
  readonly yes: boolean;
}

/** The arguments and options of `block` and `allow`. */
export function policyOptions(yargs: Argv, from: string): Argv {
  return changeOptions(
    yargs
      .positional('what', {
        type: 'string',
        describe: 'a device (name, MAC, address, id), a group, a domain, *.domain, address or network',
      })
      .positional('from', { type: 'string', describe: from })
      .option('for', { type: 'string', describe: 'for so long: 10m, 2h, 1d' })
      .option('until', { type: 'string', describe: 'until then: 07:00, "tomorrow 07:00", bedtime' })
      .option('schedule', { type: 'string', describe: 'at these times: "mon-fri 21:00-07:00"' })
      .option('confirm', {
        type: 'string',
        describe: 'a trial of so long: it ends by itself unless hedgerow confirm makes it last',
      })
      .option('reason', { type: 'string', describe: 'why, for the others' })
      .option('yes', { type: 'boolean', default: false, describe: 'do not ask, however much it cuts off' }),
  );
}

/** Makes a block or an allow and prints what came of it. */
export async function makePolicy(args: PolicyArgs, method: 'block' | 'allow'): Promise<void> {
  const view = await askFirst<ChangeView>(args, method, {
    first: String(args.what),
    second: args.from,
    for: args.for,
    until: args.until,
    schedule: args.schedule,
    trial: args.confirm,
    reason: args.reason,
  });
  printChange(view, method === 'block' ? 'blocked' : 'allowed', args.json);
}

/** What `unblock` and `unallow` take. */
export interface LiftArgs extends ChangeArgs {
  readonly what: string;
  readonly from?: string | undefined;
  readonly all: boolean;
}

/** The arguments and options of `unblock` and `unallow`. */
export function liftOptions(yargs: Argv, verb: string): Argv {
  return changeOptions(
    yargs
      .positional('what', { type: 'string', describe: `as for ${verb}, or a policy id` })
      .positional('from', { type: 'string', describe: `as for ${verb}` })
      .option('all', {
        type: 'boolean',
        default: false,
        describe: 'also when more than one policy would be lifted',
      }),
  );
}
