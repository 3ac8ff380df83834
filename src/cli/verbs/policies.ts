import type { CommandModule } from 'yargs';
import type { PolicyView } from '../../control/views/policies.ts';
import { ask, type Common } from '../ask.ts';
import { printJson, printTable } from '../output.ts';

export const policies: CommandModule<object, Common> = {
  command: 'policies',
  describe: 'what is blocked, by whom, and whether this router enforces it',
  handler: async (args) => {
    const view = await ask<PolicyView[]>(args, 'policies');
    if (args.json) printJson(view);
    else {
      printTable(
        ['ID', 'POLICY', 'BY', 'ON', 'SINCE', 'HERE'],
        view.map((policy) => [
          policy.id.slice(0, 8),
          policy.kind === 'unknown' ? 'unknown' : `${policy.kind} ${policy.a.label} – ${policy.b.label}`,
          policy.by,
          policy.router,
          policy.at.slice(0, 16).replace('T', ' '),
          policy.here.enforced
            ? `${policy.here.addresses} addresses blocked`
            : (policy.here.why ?? 'not enforced'),
        ]),
        'nothing is blocked',
      );
    }
  },
};
