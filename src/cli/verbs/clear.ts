import type { CommandModule } from 'yargs';
import { systemClock } from '../../clock.ts';
import { pathsOf, personFromEnvironment } from '../../config.ts';
import type { HaltView } from '../../control/commands/halt.ts';
import { ask, type Common, isNobodyThere } from '../ask.ts';
import { confirmed } from '../confirmed.ts';
import { printHalt } from '../halt-text.ts';

interface Args extends Common {
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** Two listings and two commands of the kernel's tools; it takes well under a second. */
const DEADLINE_MS = 30_000;

export const clear: CommandModule<object, Args> = {
  command: 'clear',
  describe:
    "take all rules out of this router's kernel, with or without an agent; it only observes until enforce",
  builder: (yargs) =>
    yargs
      .option('yes', { type: 'boolean', default: false, describe: 'do not ask' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 clear', 'for a while: hedgerow suspend 10m') as never,
  handler: async (args) => {
    if (!args.yes && !args.dryRun)
      await confirmed(
        'Nothing is blocked on this router any more until hedgerow enforce. Is that what you want?',
        args.json,
      );
    const params = { by: personFromEnvironment(), dryRun: args.dryRun, confirm: true };
    const view = await ask<HaltView>(args, 'clear', params).catch((error: unknown) => {
      if (isNobodyThere(error)) return withoutAgent(args);
      throw error;
    });
    printHalt(view, args.json);
  },
};

async function withoutAgent({ config: file, dryRun }: Args): Promise<HaltView> {
  const [{ clearWithoutAgent }, { withExec }, { loadConfig }] = await Promise.all([
    import('../../local/enforce/without-agent.ts'),
    import('../../local/exec-open.ts'),
    import('../../config-file.ts'),
  ]);
  const by = personFromEnvironment();
  const config = loadConfig(file);
  const clock = systemClock;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  if (!dryRun)
    await withExec({ config, clock }, signal, (exec) =>
      clearWithoutAgent(pathsOf(config), by, { exec, clock }, signal),
    );
  const halted = { kind: 'cleared', by, at: systemClock.now(), secondsLeft: undefined } as const;
  return {
    dryRun,
    changed: true,
    halted,
    enforcing: false,
    problem: undefined,
    notes: ['no agent runs here'],
  };
}
