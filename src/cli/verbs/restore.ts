import type { CommandModule } from 'yargs';
import { loadConfig, pathsOf } from '../../config.ts';
import type { Common } from '../ask.ts';
import { printJson, printLine } from '../output.ts';

/** All of its work is a few files and two commands; it takes well under a second. */
const DEADLINE_MS = 30_000;

export const restore: CommandModule<object, Common> = {
  command: 'restore',
  describe: 'put the last plan in force at boot, without agent, store or network',
  handler: async (args) => {
    const [{ restorePlan }, { createExec }] = await Promise.all([
      import('../../local/enforce/plan-file.ts'),
      import('../../local/exec.ts'),
    ]);
    const path = pathsOf(loadConfig(args.config)).plan;
    const plan = await restorePlan(path, createExec(), AbortSignal.timeout(DEADLINE_MS));
    if (args.json) printJson({ restored: true, backend: plan.backend, variant: plan.variant });
    else printLine(`what was blocked is blocked again (${plan.backend}, iptables-${plan.variant})`);
  },
};
