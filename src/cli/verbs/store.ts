import type { CommandModule } from 'yargs';
import { keepProcessAlive, systemClock } from '../../clock.ts';
import type { CareReport, CareTask, CareView } from '../../control/store-care.ts';
import { TemporaryError } from '../../errors.ts';
import { ask, type Common, isNobodyThere } from '../ask.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';
import { becomeOwnerOf } from '../owner.ts';

/** How often the agent is asked how far it is, milliseconds. */
const ASK_EVERY_MS = 250;
/** No store is so large; what takes longer hangs. Milliseconds. */
const DEADLINE_MS = 30 * 60_000;
/** EX_DATAERR: something is wrong with the store. */
const EX_DATAERR = 65;

const check: CommandModule<object, Common> = {
  command: 'check',
  describe: 'read all of the store, while the agent runs or without it, and tell what is wrong',
  handler: async (args) => {
    const report = await byAgent(args, 'check').catch((error: unknown) => {
      if (isNobodyThere(error)) return withoutAgent(args);
      throw error;
    });
    tell(report, args.json);
  },
};

const repair: CommandModule<object, Common & { dryRun: boolean }> = {
  command: 'repair',
  describe: 'mend what can be mended without losing anything, while the agent runs',
  builder: (yargs) =>
    yargs.option('dry-run', {
      type: 'boolean',
      default: false,
      describe: 'only say what is wrong: hedgerow store check',
    }) as never,
  handler: async (args) => tell(await byAgent(args, args.dryRun ? 'check' : 'repair'), args.json),
};

export const store: CommandModule<object, Common> = {
  command: 'store',
  describe: 'what this router keeps on its disk: check it, repair it',
  builder: (yargs) => yargs.command(check).command(repair).demandCommand(1, 'check or repair?') as never,
  handler: () => undefined,
};

/** Begins a task and waits for its end. TemporaryError when it does not come to one. */
async function byAgent(args: Common, task: CareTask): Promise<CareReport> {
  let view: CareView | null = await ask<CareView>(args, `store.${task}`);
  const alive = keepProcessAlive();
  try {
    while (view?.running === true) {
      showProgress(view.progress);
      await systemClock.sleep(ASK_EVERY_MS);
      view = await ask<CareView | null>(args, 'store.progress');
    }
  } finally {
    alive.clear();
  }
  endProgress();
  if (view?.report !== undefined) return view.report;
  throw new TemporaryError(`the ${task} did not come to its end: ${view?.failed ?? 'the agent began anew'}`, {
    hint: 'repeat it; the log of the agent may say more',
  });
}

async function withoutAgent(args: Common): Promise<CareReport> {
  const [{ checkWithoutAgent }, { loadConfig }] = await Promise.all([
    import('../../control/store-offline.ts'),
    import('../../config-file.ts'),
  ]);
  const config = loadConfig(args.config);
  becomeOwnerOf(config.agent.stateDir);
  const steps = checkWithoutAgent(config, AbortSignal.timeout(DEADLINE_MS));
  let step = await steps.next();
  for (; step.done !== true; step = await steps.next()) showProgress(step.value);
  endProgress();
  return step.value;
}

function tell(report: CareReport, json: boolean): void {
  if (!report.ok) process.exitCode = EX_DATAERR;
  if (json) {
    printJson(report);
    return;
  }
  const counts = Object.entries(report.counts).map(([what, count]) => `${count} ${what}`);
  printLine(`looked at ${counts.join(', ') || 'nothing'}`);
  for (const line of report.wrong) printLine(`${paint('red', '!')} ${harmless(line)}`);
  for (const line of report.mended) printLine(`${paint('green', '✓')} ${harmless(line)}`);
  printLine(report.ok ? paint('green', 'the store is sound') : paint('red', 'the store is damaged'));
}

/** Only for a person who watches. */
function showProgress({ done, of }: CareView['progress']): void {
  if (!process.stderr.isTTY) return;
  const share = of === undefined || of === 0 ? '' : ` of ${of} (${Math.floor((100 * done) / of)} %)`;
  process.stderr.write(`\r\x1b[K${done}${share}`);
}

function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}
