import {
  type FaultResult,
  type LivenessResult,
  livenessRun,
  type PauseResult,
  WAYS,
} from '../../test/sim/scale/liveness-run.ts';
import type { Progress } from './progress.ts';
import { playEach } from './runs.ts';
import { spread, table } from './table.ts';

export interface LivenessModeOptions {
  readonly agents: readonly number[];
  /** Percent. */
  readonly losses: readonly number[];
  readonly hours: number;
  readonly repeats: number;
  readonly seed: number;
  readonly json: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** Each size of home at each loss, beside SWIM on the same links (test/sim/scale). */
export async function playLiveness(options: LivenessModeOptions): Promise<boolean> {
  const { agents, losses, hours, repeats, seed, json } = options;
  const results = await playEach(
    agents.flatMap((count) => losses.map((percent) => ({ count, percent }))),
    ({ count, percent }) => `${count} agents at ${percent} % loss`,
    ({ count, percent }, run) =>
      livenessRun({ agents: count, loss: percent / 100, hours, repeats, seed, ...run }),
    options,
  );
  if (json) console.log(JSON.stringify({ seed, results }));
  else console.log(describe(results));
  return true;
}

function describe(results: readonly LivenessResult[]): string {
  const row = (name: string, cell: (one: LivenessResult) => string) => [name, ...results.map(cell)];
  const alarms = WAYS.map((way) =>
    row(`false alarms per directed pair and hour, ${way}`, ({ falseAlarms }) => falseAlarms[way].toFixed(3)),
  );
  const faults = (['kill', 'silent cut', 'one-way cut'] as const).flatMap((fault) => {
    const of = (one: LivenessResult): FaultResult => one.faults[fault];
    return [
      row(`${fault}: noticed, ms`, (one) => spread(of(one).noticed)),
      row(`${fault}: down, ms`, (one) => spread(of(one).down)),
      row(`${fault}: not called down, others called down`, (one) => `${of(one).missed}, ${of(one).wrongly}`),
      row(`${fault}: faulty by SWIM, ms`, (one) => spread(of(one).swim)),
    ];
  });
  const pauses = Object.keys(results[0]?.pauses ?? {}).flatMap((name) => {
    const of = ({ pauses }: LivenessResult): PauseResult | undefined =>
      Object.entries(pauses).find(([key]) => key === name)?.[1];
    return [
      row(
        `${name}: called down by others, by it`,
        (one) => `${of(one)?.down}, ${of(one)?.byIt} of ${of(one)?.of}`,
      ),
      row(`${name}: heard by all again after, ms`, (one) => {
        const never = of(one)?.notBack ?? 0;
        return spread(of(one)?.back) + (never > 0 ? ` (${never} not)` : '');
      }),
    ];
  });
  const head = results.map(({ agents, loss }) => `${agents} agents, ${(loss * 100).toFixed(0)} %`);
  const seconds = row('real time, s', (one) => one.seconds.toFixed(0));
  return table(['p50 / p99 / max', ...head], [...alarms, ...faults, ...pauses, seconds]);
}
