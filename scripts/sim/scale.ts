import type { Detection } from '../../test/sim/scale/detection.ts';
import { quantiles } from '../../test/sim/scale/quantiles.ts';
import { type ScaleResult, scaleRun } from '../../test/sim/scale/scale-run.ts';
import { growHeap, heapInUse } from './heap.ts';
import type { Progress } from './progress.ts';
import { playEach } from './runs.ts';
import { size, spread, table } from './table.ts';

export interface ScaleModeOptions {
  readonly agents: readonly number[];
  readonly seed: number;
  readonly json: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** One size of home after another, and a table of all, also when it is interrupted (test/sim/scale). */
export async function playScale(options: ScaleModeOptions): Promise<boolean> {
  const { seed, json } = options;
  growHeap();
  const results = await playEach(
    options.agents,
    (agents) => `${agents} agents`,
    (agents, run) => scaleRun({ agents, seed, heap: heapInUse, ...run }),
    options,
  );
  if (json) console.log(JSON.stringify({ seed, results }));
  else console.log(describe(results));
  return true;
}

function describe(results: readonly ScaleResult[]): string {
  const row = (name: string, cell: (one: ScaleResult) => string) => [name, ...results.map(cell)];
  const lossy = ([0, 1] as const).flatMap((i) => {
    const at = `${i} % loss`;
    return [
      row(`op at each, ${at}, ms`, ({ spread: all }) => spread(all[i]?.each)),
      row(`op at all, ${at}, ms`, ({ spread: all }) => spread(all[i]?.all)),
      row(
        `ops that did not reach all in 4 s, ${at}`,
        ({ spread: all }) => `${all[i]?.unfinished} of ${all[i]?.ops}`,
      ),
      row(`messages per agent and op, ${at}`, ({ spread: all }) => (all[i]?.cost.messages ?? 0).toFixed(1)),
      row(`bytes per agent and op, ${at}`, ({ spread: all }) => size(all[i]?.cost.bytes ?? 0)),
      row(`sync sessions, ${at}`, ({ spread: all }) => String(all[i]?.sessions ?? 0)),
    ];
  });
  const faults = (['kill', 'silent cut', 'one-way cut'] as const).flatMap((fault) => [
    row(`${fault}: noticed, ms`, (one) => spread(times(one.detection[fault], 'noticed'))),
    row(`${fault}: down, ms`, (one) => spread(times(one.detection[fault], 'down'))),
    row(`${fault}: everybody knows, ms`, (one) => everybody(one.detection[fault])),
    row(`${fault}: others called down`, (one) =>
      String(total(one.detection[fault], ({ wrongly }) => wrongly)),
    ),
  ]);
  const rows = [
    row('links per agent, p50 / p99 / max', ({ links }) => spread(links)),
    row('all joined together after, s', ({ joinedMs }) =>
      joinedMs === undefined ? 'never' : `${joinedMs / 1_000}`,
    ),
    row('sync sessions per agent at the start', ({ startSessions }) => startSessions.toFixed(1)),
    row('messages per agent and minute at rest', ({ rest }) => rest.messages.toFixed(0)),
    row('bytes per agent and minute at rest', ({ rest }) => size(rest.bytes)),
    ...lossy,
    ...faults,
    row('heap per agent', ({ heapPerAgent }) => size(heapPerAgent)),
    row(
      'real time: to make them / in all, s',
      ({ buildSeconds, seconds }) => `${buildSeconds.toFixed(1)} / ${seconds.toFixed(0)}`,
    ),
  ];
  return table(['p50 / p99 / max', ...results.map(({ agents }) => `${agents} agents`)], rows);
}

function times(detections: readonly Detection[], what: 'noticed' | 'down') {
  return quantiles(detections.flatMap((one) => one[what]));
}

function everybody(detections: readonly Detection[]): string {
  const known = detections.map(({ everybodyMs }) => everybodyMs).filter((ms) => ms !== undefined);
  const still = detections.length - known.length;
  return `${known.length === 0 ? '-' : Math.max(...known).toFixed(0)}${still > 0 ? ` (${still} not)` : ''}`;
}

function total(detections: readonly Detection[], of: (one: Detection) => number): number {
  return detections.reduce((sum, one) => sum + of(one), 0);
}
