/** What the doors cost a router in a busy home: devices, flows and subscribers, for a minute. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type House, raise } from '../lab/house-api.ts';
import { paths } from '../lab/paths.ts';
import { makeTopology } from '../lab/topology.ts';
import { until } from '../lab/wait.ts';
import { type ControlClient, openControl } from '../src/control/client.ts';
import type { StatsView } from '../src/control/views/statistics.ts';
import type { StatusView } from '../src/control/views/status.ts';
import type { Bench, Context } from './bench.ts';
import type { DoorsClients } from './doors-clients.ts';
import { atMost, type Findings, round } from './figures.ts';

const CLIENTS = join(import.meta.dirname, 'doors-clients.ts');
const [ROUTER, DEVICE, BRIDGE] = ['attic', 'tv', 'br-lan'];
/** A second network on the same LAN, with room for all devices. */
const NETWORK = '10.99';
const TO = '203.0.113.10';
const FIRST_PORT = 10_000;
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
    const [begun, ended] = [performance.now(), new AbortController()];
    const cut = cutOff(control, ended.signal);
    const first = await costOf(house, pid, seconds / 2, signal);
    const half = await rssOf(house, pid);
    const second = await costOf(house, pid, seconds / 2, signal);
    await heard('}');
    ended.abort();
    const cutAfterS = ((await cut) - begun) / 1000;
    const stats = await control.call<StatsView>('stats');
    const status = await control.call<StatusView>('status');
    const after = await rssOf(house, pid);
    await traffic.stop();
    await clients.stop();
    const found = JSON.parse(said.slice(said.indexOf('{'))) as DoorsClients;
    return report(options, {
      alone,
      cost: (first + second) / 2,
      found,
      stats,
      status,
      half,
      after,
      cutAfterS,
    });
  } finally {
    control.close();
  }
}

/** The devices are in the router's neighbour table, and each sends to as many services as it takes. */
async function busy(house: House, devices: number, flows: number) {
  await house.must(ROUTER, ['ip', 'addr', 'add', `${NETWORK}.0.1/16`, 'dev', BRIDGE]);
  const lines = Array.from({ length: devices }, (_, n) => {
    const [high, low] = [n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0'));
    return `neigh replace ${addressOf(n)} lladdr 00:00:5e:01:${high}:${low} dev ${BRIDGE} nud reachable`;
  });
  const file = '/run/lab/neighbours';
  await house.sh(`cat > ${file} <<'EOF'\n${lines.join('\n')}\nEOF`);
  await house.must(ROUTER, ['ip', '-batch', file]);
  const gateway = (await house.must(ROUTER, ['cat', `/sys/class/net/${BRIDGE}/address`])).trim();
  const services = Math.ceil(flows / devices);
  // A packet of each device in turn; each goes to the device's next service whenever it is sent.
  const packets = Array.from(
    { length: devices },
    (_, n) =>
      `{ eth(da=${gateway}), ipv4(ttl=64, sa=${addressOf(n)}, da=${TO}), udp(sp=4000, dp=dinc(${FIRST_PORT}, ${FIRST_PORT + services - 1})), fill(0x41, 64) }`,
  );
  const config = '/run/lab/packets';
  await house.sh(`cat > ${config} <<'EOF'\n${packets.join('\n')}\nEOF`);
  const rate = `${Math.ceil((devices * services) / AGAIN_S)}pps`;
  const generator = house.spawn(DEVICE, [
    ...['timeout', `${GENERATOR_S}`, 'trafgen', '-c', config, '-o', 'eth0', '-P', '1', '-q', '-b', rate],
  ]);
  generator.stdout.resume();
  return generator;
}

/** When the broker has cut somebody off who was too slow; NaN when it has not by then. */
async function cutOff(control: ControlClient, signal: AbortSignal): Promise<number> {
  while (!signal.aborted) {
    const { counters } = await control.call<StatsView>('stats');
    if ((counters.broker?.cutSlow ?? 0) > 0) return performance.now();
    await sleep(500);
  }
  return Number.NaN;
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
  /** Memory after half of the time, and at its end, MB. */
  readonly half: number;
  readonly after: number;
  /** NaN: never. */
  readonly cutAfterS: number;
}

function report(options: Options, measured: Measured): Findings {
  const { alone, cost, found, stats, status, half, after, cutAfterS } = measured;
  const { seconds, subscribers } = options;
  const perSecond = found.messages / seconds;
  const delay = stats.process.loopDelayMs;
  return {
    figures: { options, alone, cost, clients: found, delay, half, after, cutAfterS },
    tables: [
      {
        title: `${status.devices} devices, ${status.flows} flows, ${subscribers} subscribers of everything, ${seconds} s`,
        columns: ['what', 'measured'],
        rows: [
          ['CPU of the agent without subscribers, of a core', round(alone)],
          ['with them', round(cost)],
          ['messages a second to all of them', Math.round(perSecond)],
          ['MB a second', round(found.bytes / seconds / 1e6)],
          ['retained topics', stats.counters.broker?.retained ?? 0],
          ['resident memory after half of it, MB', round(half)],
          ['at its end, MB', round(after)],
          ['event loop delay p99, ms', round(delay?.p99 ?? Number.NaN)],
          ['the longest, ms', round(delay?.max ?? Number.NaN)],
          ['subscribers that read and were lost', found.lost],
          [
            'the one that stopped reading was cut off after, s',
            Number.isNaN(cutAfterS) ? 'never' : round(cutAfterS),
          ],
        ],
      },
    ],
    targets: [
      { what: 'subscribers that read and were lost', want: '0', got: `${found.lost}`, met: found.lost === 0 },
      {
        what: 'a subscriber that stops reading is cut off',
        want: 'yes',
        got: Number.isNaN(cutAfterS) ? 'no' : 'yes',
        met: !Number.isNaN(cutAfterS),
      },
      atMost('memory gained in the second half', after - half, GAINED_MB, 'MB'),
    ],
  };
}

const addressOf = (n: number) => `${NETWORK}.${1 + Math.floor(n / 250)}.${1 + (n % 250)}`;
