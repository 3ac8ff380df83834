/** `npm run house [-- --once] [--json]`: raises a house, shows the main job, and stays up with a live view. */
import { hideBin } from 'yargs/helpers';
import yargs from 'yargs/yargs';
import { Demo, demoTraffic } from './demo.ts';
import { type House, raise } from './house-api.ts';
import { live } from './live.ts';
import { ms, Telling } from './report.ts';
import { fail, stopSignal } from './terminal.ts';
import { makeTopology } from './topology.ts';

const options = await yargs(hideBin(process.argv))
  .scriptName('npm run house --')
  .usage('Raises a house of three routers and shows how a flow blocked on one is blocked on all.')
  .options({
    once: { type: 'boolean', default: false, describe: 'end when the demo has been shown' },
    json: {
      type: 'boolean',
      default: false,
      describe: 'the report as one JSON value on stdout; progress on stderr',
    },
    name: { type: 'string', default: 'default', describe: 'the name of the house, for npm run lab' },
  })
  .strict()
  .parseAsync();

const stop = stopSignal();
const write = options.json ? (line: string) => console.error(line) : (line: string) => console.log(line);
const terminal = options.json ? process.stderr : process.stdout;
const tell = new Telling(write, terminal.isTTY === true && !process.env.NO_COLOR);

let house: House | undefined;
try {
  tell.step('House');
  const begun = performance.now();
  house = await raise(makeTopology(3, { agents: false }), { name: options.name, signal: stop });
  const { routers, devices } = house.topology;
  tell.say(
    `${routers.length} routers, ${devices.length} devices and an internet in ${ms(performance.now() - begun)}`,
  );
  const traffic = demoTraffic(house);
  const report = await new Demo(house, traffic, tell, stop).run();
  tell.step(report.ok ? 'Everything held.' : 'Not everything held.');
  if (options.json) console.log(JSON.stringify(report));
  process.exitCode = report.ok ? 0 : 1;
  if (!options.once) await live(house, traffic, terminal, stop);
} catch (error) {
  if (stop.aborted) process.exitCode ??= 130;
  else {
    if (house) await tellLogs(house);
    fail('house', error, options.json);
  }
} finally {
  await house?.down();
}
// Pipes to what ran in the house may be open for a moment longer.
process.exit();

/** What the agents said last, for whoever looks into a failure; the logs end with the house. */
async function tellLogs(house: House) {
  for (const { name } of house.topology.routers) {
    const log = await house.logs(name).catch((error) => `no log: ${error}`);
    write(`\nthe log of ${name} ends:\n${log.trimEnd().split('\n').slice(-8).join('\n')}`);
  }
}
