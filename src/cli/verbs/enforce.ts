import { rmSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { systemClock } from '../../clock.ts';
import { pathsOf, personFromEnvironment } from '../../config.ts';
import type { HaltView } from '../../control/commands/halt.ts';
import { messageOf, TemporaryError } from '../../errors.ts';
import { silentLog } from '../../log.ts';
import { ask, type Common, isNobodyThere } from '../ask.ts';
import { printHalt } from '../halt-text.ts';

interface Args extends Common {
  readonly home: boolean;
  readonly dryRun: boolean;
}

const DEADLINE_MS = 30_000;
/** EX_TEMPFAIL: it is not in force on this router. */
const EX_TEMPFAIL = 75;

export const enforce: CommandModule<object, Args> = {
  command: 'enforce',
  describe: 'end suspend or clear: what is blocked is blocked on this router again',
  builder: (yargs) =>
    yargs
      .option('home', {
        type: 'boolean',
        default: false,
        describe: 'also on every other router that can be reached and was suspended',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 enforce', 'without an agent: the last plan, as hedgerow restore would') as never,
  handler: async (args) => {
    const params = { by: personFromEnvironment(), home: args.home, dryRun: args.dryRun };
    const view = await ask<HaltView>(args, 'enforce', params).catch((error: unknown) => {
      if (isNobodyThere(error)) return withoutAgent(args);
      throw error;
    });
    if (!view.enforcing && !view.dryRun) process.exitCode = EX_TEMPFAIL;
    printHalt(view, args.json);
  },
};

async function withoutAgent({ config: file, dryRun }: Args): Promise<HaltView> {
  const [{ momentOf, readHalt }, { restorePlan }, { withExec }, { loadConfig }] = await Promise.all([
    import('../../local/enforce/halts.ts'),
    import('../../local/enforce/plan-restore.ts'),
    import('../../local/exec-open.ts'),
    import('../../config-file.ts'),
  ]);
  const config = loadConfig(file);
  const { halt, plan } = pathsOf(config);
  const changed = readHalt(halt, momentOf(systemClock), silentLog) !== undefined;
  if (!dryRun) {
    try {
      rmSync(halt, { force: true });
    } catch (cause) {
      throw new TemporaryError(`${halt} cannot be removed: ${messageOf(cause)}`, { cause });
    }
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await withExec({ config, clock: systemClock }, signal, (exec) => restorePlan(plan, exec, signal));
  }
  return {
    dryRun,
    changed,
    halted: undefined,
    enforcing: !dryRun,
    problem: undefined,
    notes: ['no agent runs here: this is its last plan'],
  };
}
