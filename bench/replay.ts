/** How fast a capture is replayed, and in how much memory. */
import { join } from 'node:path';
import { systemClock } from '../src/clock.ts';
import { rehearse } from '../src/control/rehearsal.ts';
import { replayView } from '../src/control/views/replay.ts';
import { CaptureFile } from '../src/local/replay/capture-file.ts';
import { replay as replayCapture } from '../src/local/replay/replay.ts';
import type { Bench, Context } from './bench.ts';
import { withDisk } from './disk.ts';
import { cells, FIGURE_COLUMNS, type Findings, figure, round } from './figures.ts';
import { type MadeCapture, writeCapture } from './made-capture.ts';
import { must } from './timing.ts';

/** What a prototype did. */
const WANTED = 300_000;

export const replay: Bench<'packets' | 'devices' | 'partners' | 'runs'> = {
  name: 'replay',
  describe: 'replay of a made-up capture: packets/s, CPU and memory, without and with policies',
  options: {
    packets: { describe: 'packets of the capture', default: 1_000_000 },
    devices: { describe: 'devices in it, at most 250', default: 50 },
    partners: { describe: 'remotes that each device speaks with', default: 40 },
    runs: { describe: 'replays, each way', default: 3 },
  },
  run: (options, context) =>
    withDisk(async (folder) => {
      const path = join(folder, 'made.pcap');
      const made = { ...options, devices: Math.min(options.devices, 250) };
      const truth = await writeCapture(path, made);
      context.tell(`a capture of ${options.packets} packets`);
      const plain = await rates(path, made, truth, options.runs, false, context);
      const tried = await rates(path, made, truth, options.runs, true, context);
      return report(plain, tried);
    }),
};

interface Rates {
  /** Packets per second of wall time, and of CPU time of the process. */
  readonly perSecond: number[];
  readonly perCpuSecond: number[];
  /** Resident memory at the end, MB. */
  readonly rss: number[];
}

async function rates(
  path: string,
  made: MadeCapture,
  truth: { readonly up: number; readonly down: number },
  runs: number,
  policies: boolean,
  { tell, signal }: Context,
): Promise<Rates> {
  const result: Rates = { perSecond: [], perCpuSecond: [], rss: [] };
  for (let n = 0; n < runs; n++) {
    const file = await CaptureFile.open(path);
    const before = process.cpuUsage();
    try {
      let home: ReturnType<typeof rehearse> | undefined;
      const entries = policies
        ? [{ kind: 'block' as const, a: 'home', b: 'host1-1.example', terms: {} }]
        : undefined;
      const replayed = await replayCapture({
        file,
        speed: 'max',
        clock: systemClock,
        signal,
        stage: (clock, interfaces) => {
          home = rehearse({ clock, interfaces, entries });
          return home;
        },
      });
      if (home === undefined) throw new RangeError('nothing was replayed');
      const { user, system } = process.cpuUsage(before);
      const view = replayView(file, replayed, home, () => undefined);
      must(view.devices.length, made.devices);
      must(
        view.devices.reduce((sum, { up }) => sum + up.bytes, 0),
        truth.up,
      );
      must(
        view.devices.reduce((sum, { down }) => sum + down.bytes, 0),
        truth.down,
      );
      result.perSecond.push((made.packets / replayed.tookMs) * 1_000);
      result.perCpuSecond.push((made.packets / (user + system)) * 1e6);
      result.rss.push(process.memoryUsage.rss() / 1e6);
      tell(`${round(replayed.tookMs)} ms`);
    } finally {
      await file.close();
    }
  }
  return result;
}

function report(plain: Rates, tried: Rates): Findings {
  const rows = (name: string, { perSecond, perCpuSecond, rss }: Rates) => [
    [`${name}: packets per second`, ...cells(figure(perSecond))],
    [`${name}: packets per second of CPU`, ...cells(figure(perCpuSecond))],
    [`${name}: resident memory afterwards, MB`, ...cells(figure(rss))],
  ];
  const best = figure(plain.perSecond).p50;
  return {
    figures: { plain, tried },
    tables: [
      {
        title: 'Replay of a made-up capture',
        columns: ['what', ...FIGURE_COLUMNS],
        rows: [...rows('plain', plain), ...rows('with a policy', tried)],
      },
    ],
    targets: [
      {
        what: 'packets per second of a replay (median)',
        want: `≥ ${WANTED}`,
        got: String(Math.round(best)),
        met: best >= WANTED,
      },
    ],
  };
}
