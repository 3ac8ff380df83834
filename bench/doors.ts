/** What the doors cost a router in a busy home: devices, flows and subscribers, for a minute. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type House, raise } from '../lab/house-api.ts';
import { paths } from '../lab/paths.ts';
import { makeTopology } from '../lab/topology.ts';
import { until } from '../lab/wait.ts';
import { openControl } from '../src/control/client.ts';
import type { StatsView } from '../src/control/views/statistics.ts';
import type { StatusView } from '../src/control/views/status.ts';
import type { Bench, Context } from './bench.ts';
import type { DoorsClients } from './doors-clients.ts';
import { atMost, type Findings, round } from './figures.ts';

const CLIENTS = join(import.meta.dirname, 'doors-clients.ts');
const [ROUTER, DEVICE, BRIDGE] = ['attic', 'tv', 'br-lan'];
/** A second network on the same LAN, with room for all devices. */
const NETWORK = '10.99';
const PORT = 1883;
/** Every flow is used again before the kernel forgets it (nf_conntrack_udp_timeout, 30 s). */
const AGAIN_S = 15;
const LIMIT_MS = 120_000;
const GENERATOR_S = 600;
/** Beyond this it grows; less is the garbage of the moment. */
const GAINED_MB = 15;
/** Of a clock tick (sysconf(_SC_CLK_TCK)), milliseconds. */
const TICK_MS = 10;

export const doors: Bench<'devices' | 'flows' | 'subscribers' | 'seconds'> = {
  name: 'doors',
  describe:
    'a minute with 500 devices, 20,000 flows, and 100 subscribers of MQTT, one of which stops reading',
  options: {
    devices: { describe: 'devices on the LAN', default: 500 },
    flows: { describe: 'flows that are alive', default: 20_000 },
    subscribers: { describe: 'clients that subscribe to everything', default: 100 },
    seconds: { describe: 'how long it is measured', default: 60 },
  },
  async run(options, context) {
    const topology = makeTopology(1);
    const [attic] = topology.routers;
    if (attic === undefined) throw new RangeError('a house has a router');
    const config = { mqtt: { homeAssistant: true, spin: true }, observe: { flowSeconds: 60 } };
    const house = await raise(
      { ...topology, routers: [{ ...attic, config }] },
      { name: `bench-doors-${process.pid}`, signal: context.signal },
    );
    try {
      return await measure(house, options, context);
    } finally {
      await house.down();
    }
  },
};

type Options = Parameters<typeof doors.run>[0];

async function measure(house: House, options: Options, { tell, signal }: Context): Promise<Findings> {
  const { devices, flows, subscribers, seconds } = options;
  const pid = house.agent(ROUTER);
  if (pid === undefined) throw new RangeError('no agent runs');
  const control = await openControl(house.controlSocket(ROUTER));
  try {
    const traffic = await busy(house, devices, flows);
    await until(
      `${devices} devices and ${flows} flows`,
      async () => {
        const status = await control.call<StatusView>('status');
        return status.devices >= devices && status.flows >= flows * 0.99;
      },
      { timeoutMs: LIMIT_MS, everyMs: 1_000, signal },
    );
    tell(`${devices} devices, ${flows} flows`);
    const alone = await costOf(house, pid, seconds / 2, signal);
    tell(`${seconds / 2} s without subscribers`);
    const clients = house.spawn(ROUTER, [
      ...[paths.node, CLIENTS],
      ...[PORT, subscribers, seconds].map((value) => `${value}`),
    ]);
    let said = '';
    clients.stdout.on('data', (text: string) => {
      said += text;
    });
    const heard = (word: string) =>
      until(`the subscribers to say ${word}`, () => said.includes(word), { timeoutMs: LIMIT_MS, signal });
    await heard('begun');
    const before = await rssOf(house, pid);
    const cost = await costOf(house, pid, seconds, signal);
    await heard('}');
    const stats = await control.call<StatsView>('stats');
    const status = await control.call<StatusView>('status');
    const after = await rssOf(house, pid);
    await traffic.stop();
    await clients.stop();
    const found = JSON.parse(said.slice(said.indexOf('{'))) as DoorsClients;
    return report(options, { alone, cost, found, stats, status, before, after });
  } finally {
    control.close();
  }
}

/** The devices are in the router's neighbour table, and each sends to as many services as it takes. */
async function busy(house: House, devices: number, flows: number) {
  await house.must(ROUTER, ['ip', 'addr', 'add', `${NETWORK}.0.1/16`, 'dev', BRIDGE]);
  await house.must(ROUTER, ['sysctl', '-q', '-w', 'net.ipv4.neigh.default.gc_thresh3=4096']);
  const lines = Array.from({ length: devices }, (_, n) => {
    const [high, low] = [n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0'));
    return `neigh replace ${addressOf(n)} lladdr 00:00:5e:01:${high}:${low} dev ${BRIDGE} nud reachable`;
  });
  const file = '/run/lab/neighbours';
  await house.sh(`cat > ${file} <<'EOF'\n${lines.join('\n')}\nEOF`);
  await house.must(ROUTER, ['ip', '-batch', file]);
  const link = JSON.parse(await house.must(ROUTER, ['ip', '-json', 'link', 'show', BRIDGE])) as [
    { address: string },
  ];
  // Both counters step with each packet: with counts that share no divisor every pair comes up.
  const services = coprimeTo(devices, Math.ceil(flows / devices));
  const packet = [
    `eth(da=${link[0].address})`,
    `ipv4(sa=dinc(${addressOf(0)}, ${addressOf(devices - 1)}), da=203.0.113.10, ttl=64)`,
    `udp(sp=4000, dp=dinc(10000, ${10_000 + services - 1}))`,
  ].join(', ');
  const rate = `${Math.ceil((devices * services) / AGAIN_S)}pps`;
  const generator = house.spawn(DEVICE, [
    ...['timeout', `${GENERATOR_S}`, 'trafgen', `{ ${packet} }`, '-o', 'eth0', '-P', '1', '-q', '-b', rate],
  ]);
  generator.stdout.resume();
  return generator;
}

/** CPU of a process inside, of a core, over some seconds (proc(5): utime, stime). */
async function costOf(house: House, pid: number, seconds: number, signal: AbortSignal): Promise<number> {
  const ticks = async () => {
    const text = await house.must(ROUTER, ['cat', `/proc/${pid}/stat`]);
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const [begun, before] = [performance.now(), await ticks()];
  await sleep(seconds * 1000, undefined, { signal });
  return (((await ticks()) - before) * TICK_MS) / (performance.now() - begun);
}

/** Resident memory of a process inside, MB (10^6 bytes). */
async function rssOf(house: House, pid: number): Promise<number> {
  const text = await house.must(ROUTER, ['cat', `/proc/${pid}/status`]);
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) * 1024) / 1e6;
}

interface Measured {
  readonly alone: number;
  readonly cost: number;
  readonly found: DoorsClients;
  readonly stats: StatsView;
  readonly status: StatusView;
  readonly before: number;
  readonly after: number;
}

function report(options: Options, measured: Measured): Findings {
  const { alone, cost, found, stats, status, before, after } = measured;
  const { seconds, subscribers } = options;
  const perSecond = found.messages / seconds;
  const delay = stats.process.loopDelayMs;
  return {
    figures: { options, alone, cost, clients: found, delay, before, after },
    tables: [
      {
        title: `${status.devices} devices, ${status.flows} flows, ${subscribers} subscribers of everything, ${seconds} s`,
        columns: ['what', 'measured'],
        rows: [
          ['CPU of the agent without subscribers, of a core', round(alone)],
          ['with them', round(cost)],
          ['messages a second to all of them', Math.round(perSecond)],
          ['MB a second', round(found.bytes / seconds / 1e6)],
          ['retained messages that each was told first', found.retained],
          ['resident memory when it began, MB', round(before)],
          ['when it ended, MB', round(after)],
          ['event loop delay p99, ms', round(delay?.p99 ?? Number.NaN)],
          ['the longest, ms', round(delay?.max ?? Number.NaN)],
          ['subscribers that read and were lost', found.lost],
          [
            'the one that stopped reading was cut off after, s',
            found.cutAfterS === undefined ? 'never' : round(found.cutAfterS),
          ],
        ],
      },
    ],
    targets: [
      { what: 'subscribers that read and were lost', want: '0', got: `${found.lost}`, met: found.lost === 0 },
      {
        what: 'a subscriber that stops reading is cut off',
        want: 'yes',
        got: found.cutAfterS === undefined ? 'no' : 'yes',
        met: found.cutAfterS !== undefined,
      },
      atMost('memory gained in the time', after - before, GAINED_MB, 'MB'),
    ],
  };
}

const addressOf = (n: number) => `${NETWORK}.${1 + Math.floor(n / 250)}.${1 + (n % 250)}`;

function coprimeTo(count: number, least: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let found = least;
  while (divisor(found, count) > 1) found += 1;
  return found;
}
