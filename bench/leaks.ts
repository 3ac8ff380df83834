/** Whether a packet of a running stream passes after the answer to the command that blocks it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { House } from '../lab/house-api.ts';
import { paths } from '../lab/paths.ts';
import { until } from '../lab/wait.ts';
import { Arrivals, wallClock } from './arrivals.ts';
import type { Context } from './bench.ts';
import type { Commander } from './commander.ts';
import { cells, FIGURE_COLUMNS, figure, round, type Table } from './figures.ts';

/** Who blocks whom, and behind which router that is. */
interface Blocker {
  readonly commander: Commander;
  readonly router: string;
  readonly device: string;
}

const STREAM_PER_SECOND = 1000;
/** The addresses of ads.example. */
const BLOCKED = ['203.0.113.20', '2001:db8:cb00::20'];
/** How long a leak is looked for after the answer. */
const WATCH_MS = 300;

export interface Leak {
  /** Packets that arrived from the begin of the command until its answer, and after it. */
  readonly during: number;
  readonly leaked: number;
  /** From the begin of the command until the last packet, ms; as exact as the stream is dense (0.5 ms). */
  readonly cut_ms: number;
  readonly command_ms: number;
  /** From the answer to the unblock until the first packet, ms; negative when it was quicker than the answer. */
  readonly flows_again_ms: number;
}

/** Blocks a running stream and compares the time of the last packet with the time of the answer. */
export async function leakCheck(
  house: House,
  { commander, router, device }: Blocker,
  count: number,
  context: Context,
): Promise<Leak[]> {
  const { tell, signal } = context;
  const arrivals = new Arrivals(house, router, `udp dst port 7 and (host ${BLOCKED.join(' or host ')})`);
  const targets = BLOCKED.map((one) => `${one},7`);
  const stream = house.spawn(device, [
    paths.node,
    paths.datagrams,
    `${STREAM_PER_SECOND}`,
    '3600',
    ...targets,
  ]);
  const flows = () => until('the stream to flow', () => arrivals.times.length > 100, { signal });
  const leaks: Leak[] = [];
  try {
    for (let n = 0; n < count; n++) {
      arrivals.clear();
      await flows();
      const now = wallClock();
      const [begun, { command }] = [now(), await commander.block(device, 'ads.example')];
      const answered = now();
      await sleep(WATCH_MS, undefined, { signal });
      const packets = arrivals.times.filter((time) => time >= begun);
      arrivals.clear();
      await commander.unblock(device, 'ads.example');
      const lifted = now();
      await flows();
      leaks.push({
        during: packets.filter((time) => time <= answered).length,
        leaked: packets.filter((time) => time > answered).length,
        cut_ms: round(Math.max(begun, ...packets) - begun),
        command_ms: round(command),
        flows_again_ms: round((arrivals.times[0] ?? 0) - lifted),
      });
    }
  } finally {
    await Promise.all([stream.stop(), arrivals.stop()]);
  }
  tell(`${count} blocks of a running stream`);
  return leaks;
}

export const leakTable = (leaks: readonly Leak[]): Table => ({
  title: `a stream of 2 × ${STREAM_PER_SECOND} packets a second (IPv4 and IPv6) is blocked`,
  columns: ['what', ...FIGURE_COLUMNS],
  rows: [
    ['packets during the command', ...cells(figure(leaks.map(({ during }) => during)))],
    ['packets after the answer', ...cells(figure(leaks.map(({ leaked }) => leaked)))],
    ['last packet after, ms', ...cells(figure(leaks.map(({ cut_ms }) => cut_ms)))],
    ['answer after, ms', ...cells(figure(leaks.map(({ command_ms }) => command_ms)))],
    [
      'unblocked: first packet after the answer, ms',
      ...cells(figure(leaks.map((leak) => leak.flows_again_ms))),
    ],
  ],
});
