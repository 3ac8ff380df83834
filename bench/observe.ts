/** What seeing costs a router: the readers by themselves, all of it under load, and the packets that it forwards meanwhile. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type House, raise } from '../lab/house-api.ts';
import { paths } from '../lab/paths.ts';
import { makeTopology } from '../lab/topology.ts';
import type { Bench, Context } from './bench.ts';
import { atMost, type Findings, median, round, type Table } from './figures.ts';
import { type Flood, floodOf, forwardedRate } from './forwarding-rate.ts';
import type { ObserveLive } from './observe-live.ts';
import type { ObserveRun } from './observe-run.ts';

const run = promisify(execFile);
const RUN = join(import.meta.dirname, 'observe-run.ts');
const LIVE = join(import.meta.dirname, 'observe-live.ts');
const LIMIT_MS = 120_000;
/** As an installed agent is run (src/cli/entry.ts). */
const NODE_FLAGS = '--max-semi-space-size=1';
const FLOOD: Flood = { device: 'tv', router: 'attic', bridge: 'br-lan', to: '203.0.113.10' };

export const observe: Bench<'entries' | 'runs' | 'flows' | 'seconds' | 'bursts' | 'rounds' | 'each'> = {
  name: 'observe',
  describe:
    'what seeing costs: conntrack, events, DNS, 2,000 new flows a second, forwarding with and without',
  options: {
    entries: { describe: 'conntrack entries of a reading', default: 10_000 },
    runs: { describe: 'runs of the readers, of which the median counts', default: 5 },
    flows: { describe: 'new flows a second under load', default: 2_000 },
    seconds: { describe: 'seconds of load', default: 10 },
    bursts: { describe: 'bursts of load: the first right after the start, the last for delays', default: 5 },
    rounds: { describe: 'forwarding with and without an agent, in turns', default: 5 },
    each: { describe: 'seconds of each turn', default: 3 },
  },
  async run(options, context) {
    const readers = await middle(options, context);
    const topology = makeTopology(1, { agents: false });
    const name = `bench-observe-${process.pid}`;
    const house = await raise(topology, { name, signal: context.signal });
    try {
      const live = await underLoad(house, options, context);
      const forwarding = await forwardingOf(house, options, context);
      return report(options, readers, live, forwarding);
    } finally {
      await house.down();
    }
  },
};

type Options = Parameters<typeof observe.run>[0];

async function middle({ entries, runs }: Options, { tell, signal }: Context): Promise<ObserveRun> {
  const all: ObserveRun[] = [];
  for (let n = 0; n < runs; n++) {
    const { stdout } = await run(process.execPath, [RUN, `${entries}`], { signal, timeout: LIMIT_MS });
    all.push(JSON.parse(stdout) as ObserveRun);
  }
  tell(`${runs} runs of the readers`);
  const of = (what: keyof ObserveRun) => median(all.map((one) => one[what]));
  return {
    entries,
    first_reading_ms: of('first_reading_ms'),
    next_reading_ms: of('next_reading_ms'),
    events_ms_per_1000: of('events_ms_per_1000'),
    answers_per_s: of('answers_per_s'),
    delay_p99_ms: of('delay_p99_ms'),
    delay_max_ms: of('delay_max_ms'),
  };
}

/**
 * Every packet is a connection of its own: one flow by its service, and as many entries of the kernel as there are packets. The
 * first burst meets code that was never run; of the others, on a router that has run for a while, the median counts. Of the
 * last one only the delays, as measuring them costs as much as seeing.
 */
async function underLoad(house: House, { flows, seconds, bursts }: Options, { tell, signal }: Context) {
  // Its addresses are known to the router when it has asked for something.
  for (const to of [FLOOD.to, '2001:db8:cb00::10']) await house.exec(FLOOD.device, ['ping', '-c', '1', to]);
  const observer = house.spawn(FLOOD.router, [paths.node, NODE_FLAGS, LIVE, `${seconds}`, `${bursts}`]);
  const lines: string[] = [];
  let rest = '';
  observer.stdout.on('data', (text: string) => {
    const said = (rest + text).split('\n');
    rest = said.pop() ?? '';
    lines.push(...said);
  });
  const line = async (): Promise<string> => {
    const until = performance.now() + LIMIT_MS;
    for (;;) {
      const next = lines.shift();
      if (next !== undefined) return next;
      if (performance.now() > until) throw new RangeError('the observer says nothing');
      await sleep(50, undefined, { signal });
    }
  };
  const all: (ObserveLive & { sent: number })[] = [];
  for (let n = 0; n < bursts; n++) {
    await line();
    const load = { sourcePorts: [1024, 65_000] as const, perSecond: flows, count: flows * seconds };
    const sent = await floodOf(house, FLOOD, load);
    all.push({ sent, ...(JSON.parse(await line()) as ObserveLive) });
    tell(`burst ${n + 1} of ${bursts}: ${sent} new flows in ${seconds} s`);
  }
  await observer.stop();
  const [first, later, last] = [all[0], all.slice(1, -1), all.at(-1)];
  const counted = later.length > 0 ? later : all.slice(0, 1);
  const cpu = ({ own_share, children_share }: ObserveLive) => own_share + children_share;
  return {
    sent: all.reduce((sum, one) => sum + one.sent, 0),
    packets: all.reduce((sum, one) => sum + one.packets, 0),
    events_lost: all.reduce((sum, one) => sum + one.events_lost, 0),
    first_share: first === undefined ? Number.NaN : cpu(first),
    share: median(counted.map(cpu)),
    own_share: median(counted.map(({ own_share }) => own_share)),
    children_share: median(counted.map(({ children_share }) => children_share)),
    delay_p99_ms: last?.delay_p99_ms ?? Number.NaN,
    delay_max_ms: last?.delay_max_ms ?? Number.NaN,
    shares: all.map((one) => [round(one.own_share), round(one.children_share)]),
  };
}

async function forwardingOf(house: House, { rounds, each }: Options, { tell, signal }: Context) {
  const [without, seeing]: [number[], number[]] = [[], []];
  for (let n = 0; n < rounds; n++) {
    without.push(await forwardedRate(house, FLOOD, each, signal));
    await house.start(FLOOD.router, signal);
    seeing.push(await forwardedRate(house, FLOOD, each, signal));
    await house.kill(FLOOD.router);
    tell(`forwarding, round ${n + 1} of ${rounds}`);
  }
  const ratios = seeing.map((rate, n) => rate / (without[n] ?? rate));
  return {
    without: median(without),
    seeing: median(seeing),
    ratio: median(ratios),
    ratios: ratios.map(round),
  };
}

function report(
  options: Options,
  readers: ObserveRun,
  live: Awaited<ReturnType<typeof underLoad>>,
  forwarding: Awaited<ReturnType<typeof forwardingOf>>,
): Findings {
  const tables: Table[] = [
    {
      title: 'the readers by themselves: CPU of one core',
      columns: ['what', 'measured'],
      rows: [
        [`first reading of ${options.entries} conntrack entries, ms`, round(readers.first_reading_ms)],
        ['a later one, all of them moved, ms', round(readers.next_reading_ms)],
        ['1,000 events, ms', round(readers.events_ms_per_1000)],
        ['DNS answers a second', Math.round(readers.answers_per_s)],
        ['event loop delay during all of it, p99, ms', round(readers.delay_p99_ms)],
        ['the longest, ms', round(readers.delay_max_ms)],
      ],
    },
    {
      title: `${options.flows} new flows a second for ${options.seconds} s, ${options.bursts} times`,
      columns: ['what', 'measured'],
      rows: [
        ['packets sent', live.sent],
        ['packets counted', live.packets],
        ['events that the kernel lost', live.events_lost],
        ['CPU, of a core; in the first burst', `${round(live.share)}; ${round(live.first_share)}`],
        ['of it the observer; its commands', `${round(live.own_share)}; ${round(live.children_share)}`],
        ['event loop delay, p99, ms', round(live.delay_p99_ms)],
        ['the longest, ms', round(live.delay_max_ms)],
      ],
    },
    {
      title: 'packets a second that are forwarded, one flow at full speed',
      columns: ['without an agent', 'with one that sees', 'ratio'],
      rows: [[Math.round(forwarding.without), Math.round(forwarding.seeing), round(forwarding.ratio)]],
    },
  ];
  return {
    figures: { readers, live, forwarding },
    tables,
    targets: [
      {
        what: 'packets counted of those sent',
        want: `${live.sent}`,
        got: `${live.packets}`,
        met: live.packets === live.sent,
      },
      atMost('CPU under load with that of its commands, of a core', live.share, 0.1, ''),
      atMost('the same in the first burst', live.first_share, 0.1, ''),
    ],
  };
}
