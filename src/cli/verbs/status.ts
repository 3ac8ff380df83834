import type { CommandModule } from 'yargs';
import { several } from '../../control/views/held-words.ts';
import type { Reach, StatusView } from '../../control/views/status.ts';
import { ask, type Common } from '../ask.ts';
import { duration, harmless, paint, printJson, printLine } from '../output.ts';

export const status: CommandModule<object, Common> = {
  command: 'status',
  describe: 'one look at this router',
  handler: async (args) => {
    const view = await ask<StatusView>(args, 'status');
    if (args.json) {
      printJson(view);
      return;
    }
    const { routers, enforcement, observation } = view;
    printLine(
      `${paint('bold', view.router)} in ${harmless(view.home.name ?? 'a home without a name')}, up ${duration(view.uptimeSeconds)}`,
    );
    printLine(`  routers    ${routers.alive} of ${routers.members} alive, ${routers.inStep} in step`);
    printLine(`  policies   ${view.policies}`);
    printLine(`  enforcing  ${enforcingWords(enforcement)}`);
    if (enforcement.enforcing && enforcement.noticing !== undefined)
      printLine(`  watches    changes of its rules by others: noticed ${harmless(enforcement.noticing)}`);
    if (enforcement.enforcing) printLine(`  blocks     ${harmless(reachWords(view.reach))}`);
    printLine(
      `  sees       ${several(view.devices, 'device')}, ${several(view.flows, 'flow')} on ${observation.lan.join(', ') || 'no LAN'}`,
    );
    if (observation.trackedByRule.length > 0)
      printLine(`  tracks     connections by a rule of its own: ${observation.trackedByRule.join(', ')}`);
    if (view.syncing !== undefined) {
      const { router, received, expected } = view.syncing;
      printLine(`  takes over ${received} of ${expected} changes from ${harmless(router)}`);
    }
    if (!view.clock.trusted) printLine(`  clock      not trusted: ${harmless(view.clock.why)}`);
    if (view.changesRefused > 0)
      printLine(`  refused    ${several(view.changesRefused, 'change')}: too many in a short time`);
    printLine(`  memory     ${view.rssMb} MB`);
    for (const problem of view.problems) printLine(paint('yellow', `! ${harmless(problem)}`));
  },
};

/** With what, or that it does not; rules may be in force all the same, of which a problem tells. */
function enforcingWords({ enforcing, standing, detail }: StatusView['enforcement']): string {
  if (enforcing) return `with ${detail}`;
  return standing === true ? paint('yellow', 'only what was blocked before') : paint('red', 'no');
}

/** What is judged on this router: forwarded, between devices of one network, and its own. */
export function reachWords({ inside, notInside, notOwn }: Reach): string {
  const between = [
    inside.length === 0 ? '' : `what devices on ${inside.join(', ')} send to each other`,
    notInside.length === 0 ? '' : `not what those on ${notInside.join(', ')} send to each other`,
  ].filter((part) => part !== '');
  const own =
    notOwn === undefined
      ? "this router's own traffic"
      : `not this router's own traffic (${notOwn.split('\n')[0]})`;
  return ['what is forwarded', ...between, own].join('; ');
}
