import yargs, { type Argv } from 'yargs';
import { HedgerowError } from '../errors.ts';
import type { Asks } from './ask.ts';
import { report } from './report.ts';
import { agent } from './verbs/agent.ts';
import { allow } from './verbs/allow.ts';
import { askRouter } from './verbs/ask.ts';
import { audit } from './verbs/audit.ts';
import { block } from './verbs/block.ts';
import { bonus } from './verbs/bonus.ts';
import { completion } from './verbs/completion.ts';
import { confirm } from './verbs/confirm.ts';
import { devices } from './verbs/devices.ts';
import { exportBook } from './verbs/export.ts';
import { flows } from './verbs/flows.ts';
import { group } from './verbs/group.ts';
import { home } from './verbs/home.ts';
import { ignore } from './verbs/ignore.ts';
import { importBook } from './verbs/import.ts';
import { merge } from './verbs/merge.ts';
import { name } from './verbs/name.ts';
import { nodes } from './verbs/nodes.ts';
import { pause } from './verbs/pause.ts';
import { peers } from './verbs/peers.ts';
import { policies } from './verbs/policies.ts';
import { replayCapture } from './verbs/replay.ts';
import { restore } from './verbs/restore.ts';
import { split } from './verbs/split.ts';
import { status } from './verbs/status.ts';
import { store } from './verbs/store.ts';
import { unallow } from './verbs/unallow.ts';
import { unblock } from './verbs/unblock.ts';
import { undo } from './verbs/undo.ts';
import { unignore } from './verbs/unignore.ts';

/** EX_USAGE of sysexits(3). */
const EX_USAGE = 64;

/** The command line: parses, runs one verb, sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // A shell asks what may come next: see complete.ts.
  const completing =
    argv[0] === '--complete' ? ['--get-yargs-completions', 'hedgerow', ...argv.slice(1)] : undefined;
  const parser = parserOf(completing ?? argv);
  try {
    if (completing !== undefined) {
      const { complete } = await import('./complete.ts');
      await complete(parser, completing);
      return;
    }
    await parser.parseAsync();
  } catch (error) {
    report(error, argv.includes('--json'));
  }
}

/** What the words mean; `asks` answers instead of this router's agent. */
function parserOf(argv: readonly string[], asks?: Asks): Argv {
  return yargs([...argv])
    .middleware((args) => {
      if (asks !== undefined) args.asks = asks;
    })
    .scriptName('hedgerow')
    .usage('$0 <verb>\n\nOne blocking policy for every router in the house.')
    .option('config', {
      type: 'string',
      describe: 'configuration file (default: $HEDGEROW_CONFIG, then /etc/hedgerow/hedgerow.yaml)',
      global: true,
    })
    .option('json', { type: 'boolean', default: false, describe: 'answer in JSON', global: true })
    .command(agent)
    .command(status)
    .command(devices)
    .command(nodes)
    .command(flows)
    .command(askRouter((words, asks) => parserOf(words, asks).parseAsync()))
    .command(block)
    .command(unblock)
    .command(allow)
    .command(unallow)
    .command(pause)
    .command(bonus)
    .command(confirm)
    .command(group)
    .command(name)
    .command(merge)
    .command(split)
    .command(ignore)
    .command(unignore)
    .command(policies)
    .command(peers)
    .command(home)
    .command(audit)
    .command(undo)
    .command(exportBook)
    .command(importBook)
    .command(replayCapture)
    .command(restore)
    .command(store)
    .command(completion)
    .demandCommand(1, 'which verb? hedgerow --help lists them')
    .strict()
    .recommendCommands()
    .version(false)
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error, self) => {
      if (error instanceof Error) throw error;
      self.showHelp('error');
      throw new HedgerowError('UsageError', message, { exitCode: EX_USAGE });
    });
}
