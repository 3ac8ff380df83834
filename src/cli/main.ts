import yargs from 'yargs';
import { HedgerowError } from '../errors.ts';
import { report } from './report.ts';
import { agent } from './verbs/agent.ts';
import { block } from './verbs/block.ts';
import { devices } from './verbs/devices.ts';
import { flows } from './verbs/flows.ts';
import { home } from './verbs/home.ts';
import { nodes } from './verbs/nodes.ts';
import { peers } from './verbs/peers.ts';
import { policies } from './verbs/policies.ts';
import { restore } from './verbs/restore.ts';
import { status } from './verbs/status.ts';
import { unblock } from './verbs/unblock.ts';

/** EX_USAGE of sysexits(3). */
const EX_USAGE = 64;

/** The command line: parses, runs one verb, sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const parser = yargs([...argv])
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
    .command(block)
    .command(unblock)
    .command(policies)
    .command(peers)
    .command(home)
    .command(restore)
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
  try {
    await parser.parseAsync();
  } catch (error) {
    report(error, argv.includes('--json'));
  }
}
