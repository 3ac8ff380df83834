/**
 * `npm run sim -- --schedules N --seed S`: plays N homes of routers through drawn faults and judges each (test/sim). Prints a
 * summary, also when it is interrupted; on the first failure the seed, the smallest schedule that still fails and how to play it again. Exit code 1 then.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { add, nothing } from '../test/sim/counts.ts';
import { type Outcome, play } from '../test/sim/play.ts';
import { draw, type Schedule } from '../test/sim/schedule.ts';
import { shrink } from '../test/sim/shrink.ts';

const USAGE = `usage: npm run sim -- [--schedules N] [--seed S] [--agents 3-30] [--steps N] [--json] [--replay FILE]

  --schedules N   so many homes, with the seeds S, S+1, … (default 300)
  --seed S        the first seed (default: the time)
  --agents A-B    routers at the start, small homes more often (default 3-30)
  --steps N       actions in a schedule (default 60)
  --json          the summary, and a failing schedule, as JSON
  --replay FILE   plays the schedule in a file once`;

/** The last line of progress is written so often, milliseconds. */
const PROGRESS_MS = 500;

const options = readOptions();
const began = performance.now();
const sum = nothing();
let played = 0;
let shown = 0;
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped = true;
  });
}

for (const schedule of schedules()) {
  const outcome = await play(schedule);
  played += 1;
  add(sum, outcome.counts);
  if (outcome.failures.length > 0) {
    clearProgress();
    await tellFailure(schedule, outcome);
    process.exitCode = 1;
    break;
  }
  tellProgress();
  if (stopped) break;
}
clearProgress();
tellSummary();

function* schedules(): Generator<Schedule> {
  if (options.replay !== undefined) {
    yield options.replay;
    return;
  }
  for (let n = 0; n < options.schedules; n++) yield draw(options.seed + n, options.size, options.steps);
}

async function tellFailure(schedule: Schedule, { failures }: Outcome): Promise<void> {
  const [first] = failures;
  const same = async (smaller: Schedule) => (await play(smaller)).failures[0]?.what === first?.what;
  const smallest = await shrink(schedule, same);
  if (options.json) {
    console.log(JSON.stringify({ failed: { seed: schedule.seed, failures, schedule: smallest } }));
    return;
  }
  console.log(`seed ${schedule.seed} failed: ${first?.what}\n  ${first?.detail.slice(0, 2_000)}`);
  console.log(`the smallest schedule that fails so, ${smallest.actions.length} actions:`);
  console.log(JSON.stringify(smallest));
  const { least, most } = options.size;
  const whole = `--seed ${schedule.seed} --schedules 1 --agents ${least}-${most} --steps ${options.steps}`;
  console.log('to play it again: save it to a file, npm run sim -- --replay FILE');
  if (options.replay === undefined) console.log(`the whole schedule: npm run sim -- ${whole}`);
}

function tellSummary(): void {
  const seconds = (performance.now() - began) / 1_000;
  const { seed } = options;
  if (options.json) {
    console.log(JSON.stringify({ schedules: played, seed, failed: process.exitCode === 1, seconds, ...sum }));
    return;
  }
  const rate = (played / seconds).toFixed(1);
  console.log(`${played} schedules from seed ${seed} in ${seconds.toFixed(1)} s (${rate} a second)`);
  console.log(`  actions     ${sum.steps}`);
  console.log(`  ops         ${sum.ops}, ${sum.forks} by twins, ${sum.defiances} by evicted routers`);
  console.log(
    `  gossip      ${sum.messages}: ${sum.lost} lost, ${sum.doubled} doubled, ${sum.late} late; sessions ${sum.sessions}, ${sum.broken} broken`,
  );
  console.log(
    `  routers     ${sum.starts} starts, ${sum.losses} disks lost, ${sum.putBack} put back from a copy`,
  );
  console.log(
    `  membership  ${sum.joins} joined, ${sum.leaves} left, ${sum.evictions} evictions; in ${sum.byHand} homes a person had to carry one`,
  );
  console.log(process.exitCode === 1 ? 'FAILED' : 'all agreed in the end, and lost nothing');
}

function tellProgress(): void {
  if (!process.stderr.isTTY || performance.now() - shown < PROGRESS_MS) return;
  shown = performance.now();
  process.stderr.write(`\r\u001b[K${played} of ${options.schedules}`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        schedules: { type: 'string', default: '300' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
        agents: { type: 'string', default: '3-30' },
        steps: { type: 'string', default: '60' },
        json: { type: 'boolean', default: false },
        replay: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) stop(USAGE, 0);
    const replay = values.replay === undefined ? undefined : readSchedule(values.replay);
    const [least = '', most = least] = values.agents.split('-');
    return {
      schedules: number('schedules', values.schedules, 1, 10_000_000),
      seed: replay?.seed ?? number('seed', values.seed, 0, 2 ** 32 - 1),
      size: { least: number('agents', least, 2, 30), most: number('agents', most, Number(least), 30) },
      steps: number('steps', values.steps, 0, 10_000),
      json: values.json,
      replay,
    };
  } catch (error) {
    return stop(`${error instanceof Error ? error.message : error}\n\n${USAGE}`, 64);
  }
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return stop(`--${name} ${text}: a whole number from ${least} to ${most} is wanted\n\n${USAGE}`, 64);
}

/** A file that this program has written; whoever changes an action by hand reads schedule.ts. */
function readSchedule(file: string): Schedule {
  const shape = z.object({
    seed: z.number(),
    agents: z.int().min(1).max(30),
    actions: z.array(z.looseObject({ do: z.string(), dice: z.number() })),
  });
  return shape.parse(JSON.parse(readFileSync(file, 'utf8'))) as Schedule;
}

function stop(message: string, code: number): never {
  console.error(message);
  process.exit(code);
}
