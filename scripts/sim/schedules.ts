import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { add, nothing } from '../../test/sim/counts.ts';
import { type Outcome, play } from '../../test/sim/play.ts';
import { draw, type Schedule } from '../../test/sim/schedule.ts';
import { shrink } from '../../test/sim/shrink.ts';
import type { Progress } from './progress.ts';

export interface SchedulesOptions {
  readonly schedules: number;
  readonly seed: number;
  readonly size: { readonly least: number; readonly most: number };
  readonly steps: number;
  readonly json: boolean;
  readonly replay: Schedule | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * Plays homes of routers through drawn faults and judges each (test/sim). Prints a summary, also when it is interrupted; on the first
 * failure the seed, the smallest schedule that still fails and how to play it again. True when all went well.
 */
export async function playSchedules(options: SchedulesOptions): Promise<boolean> {
  const { signal, progress } = options;
  const began = performance.now();
  const sum = nothing();
  let played = 0;
  let failed = false;
  for (const schedule of schedules(options)) {
    const outcome = await play(schedule);
    played += 1;
    add(sum, outcome.counts);
    if (outcome.failures.length > 0) {
      progress.clear();
      await tellFailure(options, schedule, outcome);
      failed = true;
      break;
    }
    progress.show(`${played} of ${options.schedules}`);
    if (signal.aborted) break;
  }
  progress.clear();
  const seconds = (performance.now() - began) / 1_000;
  if (options.json)
    console.log(JSON.stringify({ schedules: played, seed: options.seed, failed, seconds, ...sum }));
  else tellSummary(options, sum, played, seconds, failed);
  return !failed;
}

/** A file that this program has written; whoever changes an action by hand reads schedule.ts. */
export function readSchedule(file: string): Schedule {
  const shape = z.object({
    seed: z.number(),
    agents: z.int().min(1).max(30),
    actions: z.array(z.looseObject({ do: z.string(), dice: z.number() })),
  });
  return shape.parse(JSON.parse(readFileSync(file, 'utf8'))) as Schedule;
}

function* schedules(options: SchedulesOptions): Generator<Schedule> {
  if (options.replay !== undefined) {
    yield options.replay;
    return;
  }
  for (let n = 0; n < options.schedules; n++) yield draw(options.seed + n, options.size, options.steps);
}

async function tellFailure(
  options: SchedulesOptions,
  schedule: Schedule,
  { failures }: Outcome,
): Promise<void> {
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

function tellSummary(
  { seed }: SchedulesOptions,
  sum: ReturnType<typeof nothing>,
  played: number,
  seconds: number,
  failed: boolean,
): void {
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
  console.log(failed ? 'FAILED' : 'all agreed in the end, and lost nothing');
}
