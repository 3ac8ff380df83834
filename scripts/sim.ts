/**
 * `npm run sim`: homes under drawn faults, judged (`--schedules`); large homes in virtual time (`--scale`); how soon and how wrongly
 * a dead router is noticed (`--liveness`). All three are repeatable by `--seed`.
 */
import { parseArgs } from 'node:util';
import { playLiveness } from './sim/liveness.ts';
import { number, numbers, stop } from './sim/options.ts';
import { Progress, untilInterrupted } from './sim/progress.ts';
import { playScale } from './sim/scale.ts';
import { playSchedules, readSchedule } from './sim/schedules.ts';

const USAGE = `usage: npm run sim -- [--schedules N] [--seed S] [--agents 3-30] [--steps N] [--replay FILE]
       npm run sim -- [--scale] --agents 10,30,100,300,1000 [--seed S]
       npm run sim -- --liveness [--agents 2,3,5,10] [--loss 0,10,30] [--hours 1] [--repeats 20] [--seed S]

Homes under faults, each judged:
  --schedules N   so many homes, with the seeds S, S+1, … (default 300)
  --agents A-B    routers at the start, small homes more often (default 3-30)
  --steps N       actions in a schedule (default 60)
  --replay FILE   plays the schedule in a file once

Large homes: time until an op reached all, messages, bytes, links, detection, memory:
  --scale         with a list of sizes, or one above 30, this is what is meant anyway
  --agents N,M    sizes, 2 to 20,000 (default 10,30,100,300,1000)

Liveness: false alarms, and faults of every kind, beside SWIM on the same links:
  --liveness
  --loss P,Q      percent (default 0,10,30)
  --hours H       of virtual time for false alarms (default 1)
  --repeats N     of each fault (default 20)

All: --seed S (default: the time), --json`;

const { values } = read();
if (values.help) stop(USAGE, 0);
const progress = new Progress();
const signal = untilInterrupted();
const seed = number('seed', values.seed, 0, 2 ** 32 - 1);
const { json } = values;
process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  const { agents, liveness } = values;
  if (liveness) {
    return await playLiveness({
      agents: numbers('agents', agents ?? '2,3,5,10', 2, 100),
      losses: numbers('loss', values.loss, 0, 90),
      hours: number('hours', values.hours, 1, 10_000),
      repeats: number('repeats', values.repeats, 1, 10_000),
      seed,
      json,
      signal,
      progress,
    });
  }
  if (values.scale || agents?.includes(',') || Number(agents) > 30) {
    const sizes = numbers('agents', agents ?? '10,30,100,300,1000', 2, 20_000);
    return await playScale({ agents: sizes, seed, json, signal, progress });
  }
  const replay = values.replay === undefined ? undefined : readSchedule(values.replay);
  const [least = '', most = least] = (agents ?? '3-30').split('-');
  return await playSchedules({
    schedules: number('schedules', values.schedules, 1, 10_000_000),
    seed: replay?.seed ?? seed,
    size: { least: number('agents', least, 2, 30), most: number('agents', most, Number(least), 30) },
    steps: number('steps', values.steps, 0, 10_000),
    json,
    replay,
    signal,
    progress,
  });
}

function read() {
  try {
    return parseArgs({
      options: {
        schedules: { type: 'string', default: '300' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
        agents: { type: 'string' },
        steps: { type: 'string', default: '60' },
        replay: { type: 'string' },
        scale: { type: 'boolean', default: false },
        liveness: { type: 'boolean', default: false },
        loss: { type: 'string', default: '0,10,30' },
        hours: { type: 'string', default: '1' },
        repeats: { type: 'string', default: '20' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return stop(`${error instanceof Error ? error.message : error}\n\n${USAGE}`, 64);
  }
}
