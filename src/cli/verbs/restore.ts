import type { CommandModule } from 'yargs';
import { systemClock } from '../../clock.ts';
import { pathsOf } from '../../config.ts';
import { loadConfig } from '../../config-file.ts';
import { silentLog } from '../../log.ts';
import type { Common } from '../ask.ts';
import { harmless, printJson, printLine } from '../output.ts';

/** All of its work is a few files and two commands; it takes well under a second. */
const DEADLINE_MS = 30_000;

export const restore: CommandModule<object, Common & { dryRun: boolean }> = {
  command: 'restore',
  describe: 'put the last plan in force at boot, without agent, store or network',
  builder: (yargs) =>
    yargs
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 restore --dry-run', 'is the plan whole?') as never,
  handler: runRestore,
};

/** The verb itself, which a machine that boots runs without a parser of command lines. */
export async function runRestore(args: Common & { dryRun: boolean }): Promise<void> {
  const [{ readPlan, restorePlan }, { momentOf, readHalt }, { withExec }] = await Promise.all([
    import('../../local/enforce/plan-restore.ts'),
    import('../../local/enforce/halts.ts'),
    import('../../local/exec-open.ts'),
  ]);
  const config = loadConfig(args.config);
  const paths = pathsOf(config);
  const halt = readHalt(paths.halt, momentOf(systemClock), silentLog);
  if (halt !== undefined) {
    const { kind, by } = halt;
    if (args.json) printJson({ restored: false, halted: { kind, by } });
    else printLine(`nothing is restored: ${kind} by ${harmless(by)}; hedgerow enforce ends that`);
    return;
  }
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const { dryRun } = args;
  const { plan, torn } = dryRun
    ? await readPlan(paths.plan, signal)
    : await withExec({ config, clock: systemClock }, signal, (exec) => restorePlan(paths.plan, exec, signal));
  const { backend } = plan;
  const variant = plan.backend === 'ipset' ? plan.variant : undefined;
  if (args.json) printJson({ dryRun, restored: !dryRun, backend, variant, torn });
  else {
    const means = variant === undefined ? backend : `${backend}, iptables-${variant}`;
    printLine(`what was blocked ${dryRun ? 'would be' : 'is'} blocked again (${means})`);
    if (torn !== undefined)
      printLine(`not what was changed last: ${harmless(torn)}; the agent puts that in force when it starts`);
  }
}
