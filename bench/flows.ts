/** What the flow table costs: memory, news, ageing. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bench, Context } from './bench.ts';
import { atMost, type Findings, median, round } from './figures.ts';
import type { FlowsRun } from './flows-run.ts';

const run = promisify(execFile);
const RUN = join(import.meta.dirname, 'flows-run.ts');
/** A run is not waited for longer than this, milliseconds. */
const LIMIT_MS = 120_000;

export const flows: Bench<'flows' | 'runs'> = {
  name: 'flows',
  describe: 'what the flow table costs: bytes per flow, news, a round of ageing',
  options: {
    flows: {
      describe: 'flows of the largest table; a tenth and a hundredth are measured too',
      default: 100_000,
    },
    runs: { describe: 'runs of each, of which the median counts', default: 3 },
  },
  async run({ flows: most, runs }, context) {
    const sizes = [most / 100, most / 10, most].map((size) => Math.max(100, Math.round(size)));
    const measured: FlowsRun[] = [];
    for (const size of sizes) measured.push(await middle(size, Math.ceil(size / 5), runs, context));
    // The dearest: no two flows have a remote in common.
    const [, , largest = most] = sizes;
    measured.push(await middle(largest, largest, runs, context));
    return report(measured);
  },
};

async function middle(
  count: number,
  remotes: number,
  runs: number,
  { tell, signal }: Context,
): Promise<FlowsRun> {
  const all: FlowsRun[] = [];
  for (let n = 0; n < runs; n++) {
    const { stdout } = await run(process.execPath, [RUN, `${count}`, `${remotes}`], {
      signal,
      timeout: LIMIT_MS,
    });
    all.push(JSON.parse(stdout) as FlowsRun);
  }
  tell(`${count} flows with ${remotes} remotes`);
  const of = (what: keyof FlowsRun) => median(all.map((one) => one[what]));
  return {
    flows: count,
    remotes,
    bytes_per_flow: of('bytes_per_flow'),
    new_us: of('new_us'),
    news_us: of('news_us'),
    full_us: of('full_us'),
    list_ms: of('list_ms'),
    sweep_ms: of('sweep_ms'),
    sweep_gone_ms: of('sweep_gone_ms'),
    slice_ms: of('slice_ms'),
  };
}

function report(measured: readonly FlowsRun[]): Findings {
  const last = measured.slice(2);
  const worst = (of: keyof FlowsRun) => Math.max(...last.map((one) => one[of]));
  return {
    figures: measured,
    tables: [
      {
        title: 'The flow table; times are CPU',
        columns: [
          'flows',
          'remotes',
          'bytes per flow',
          'new µs',
          'known µs',
          'when full µs',
          'list ms',
          'round ms',
          'round in which all go ms',
          'its dearest slice ms',
        ],
        rows: measured.map((one) => [
          one.flows,
          one.remotes,
          round(one.bytes_per_flow),
          round(one.new_us),
          round(one.news_us),
          round(one.full_us),
          round(one.list_ms),
          round(one.sweep_ms),
          round(one.sweep_gone_ms),
          round(one.slice_ms),
        ]),
      },
    ],
    targets: [
      atMost('bytes per flow', worst('bytes_per_flow'), 200, 'B'),
      atMost('news of a known flow', worst('news_us'), 1.5, 'µs'),
      atMost('ageing at a time', worst('slice_ms'), 10, 'ms'),
    ],
  };
}
