import type { CommandModule } from 'yargs';
import { ASKABLE } from '../../control/askable.ts';
import type { AskAllView } from '../../control/commands/ask.ts';
import { UnavailableError, UsageError } from '../../errors.ts';
import { ask, type Common } from '../ask.ts';
import { harmless, paint, printLine } from '../output.ts';
import type { Run } from '../verbs.ts';

interface Args extends Common {
  readonly router: string;
  readonly view: string;
  readonly more?: readonly string[];
}

/** The verb of a view, as another router would answer it. */
export function askRouter(run: Run): CommandModule<object, Args> {
  return {
    command: 'ask <router> <view> [more..]',
    describe: 'what another router of the home sees; "all" asks every one, and adds up their flows',
    builder: (yargs) =>
      yargs
        .positional('router', { type: 'string', describe: 'its name, the beginning of its key, or "all"' })
        .positional('view', { type: 'string', describe: 'what of it', choices: [...ASKABLE.keys()] })
        .positional('more', {
          type: 'string',
          array: true,
          describe: 'what the view takes here, it takes there',
        })
        .parserConfiguration({ 'unknown-options-as-args': true })
        .example('$0 ask kitchen flows --top 20', 'who talks to whom through the kitchen')
        .example('$0 ask all flows', 'the same for the whole home, added up') as never,
    handler: async (args) => {
      const { router, view, more = [], json, config } = args;
      if (more.includes('--watch'))
        throw new UsageError('another router is asked once', { hint: 'log in there to watch it' });
      const words = [view, ...more, ...(json ? ['--json'] : []), ...(config ? ['--config', config] : [])];
      try {
        if (router.toLowerCase() === 'all') await askAll(args, words, run);
        else await run(words, (of, params) => ask(args, 'ask', { router, view: of, params }));
      } catch (cause) {
        if (!(cause instanceof TypeError)) throw cause;
        throw new UnavailableError(`what ${router} answered cannot be shown`, {
          cause,
          hint: 'it may run another version; --json shows it as it came',
        });
      }
    },
  };
}

/** Flows are shown added up, everything else router by router; who did not answer is named in the end. */
async function askAll(args: Args, words: readonly string[], run: Run): Promise<void> {
  const { more = [] } = args;
  let whole: AskAllView | undefined;
  const all = async (view: string, params: Record<string, unknown>) => {
    whole ??= await ask<AskAllView>(args, 'ask.all', { view, params });
    return whole;
  };
  if (args.json) {
    await run(words, all);
    return;
  }
  if (args.view === 'flows') {
    await run(words, async (view, params) => (await all(view, params)).joined);
  } else {
    const answers = () => (whole?.routers ?? []).filter(({ missing }) => missing === undefined);
    for (let n = 0; n < Math.max(1, answers().length); n++) {
      await run(words, async (view, params) => {
        await all(view, params);
        const answer = answers()[n];
        if (answer === undefined) throw new UnavailableError('no router answered');
        // Not among the rows of a spreadsheet.
        if (more.includes('--csv')) process.stderr.write(`${harmless(answer.router)}\n`);
        else printLine(paint('bold', harmless(answer.router)));
        return answer.answer;
      });
    }
  }
  for (const { missing } of whole?.routers ?? []) {
    if (missing !== undefined) process.stderr.write(`${paint('yellow', `! ${harmless(missing.message)}`)}\n`);
  }
}
