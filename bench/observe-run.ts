/** Readers of the kernel and of frames in a process of their own: `node bench/observe-run.ts ENTRIES` prints what they took. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as breathe } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import type { Places } from '../src/local/flows/ends.ts';
import { FlowTable } from '../src/local/flows/flow-table.ts';
import { Tracker } from '../src/local/flows/tracker.ts';
import { NodeCache } from '../src/local/nodes/node-cache.ts';
import { AddressReader } from '../src/local/observe/address-reader.ts';
import { parseConntrackLine } from '../src/local/observe/conntrack.ts';
import { readFrame } from '../src/local/observe/frame-facts.ts';
import { LineSplitter } from '../src/local/observe/lines.ts';
import { answer, ethernet, ipv4, ROUTER, TV, udp } from '../test/unit/local/observe/packets.ts';
import { crypto } from './history.ts';
import { must } from './timing.ts';

/** Milliseconds of CPU for so many; of the event loop the longest that anything waited, and the 99th percentile. */
export interface ObserveRun {
  readonly entries: number;
  readonly first_reading_ms: number;
  readonly next_reading_ms: number;
  readonly events_ms_per_1000: number;
  readonly answers_per_s: number;
  readonly delay_p99_ms: number;
  readonly delay_max_ms: number;
}

const [count = 10_000] = process.argv.slice(2).map(Number);
const EVENTS = 20_000;
const ANSWERS = 50_000;
/** As much as a pipe gives at once. */
const CHUNK = 65_536;

const cache = new NodeCache({ home: 'ab'.repeat(32), crypto, clock: systemClock });
const flows = new FlowTable({ clock: systemClock });
const places: Places = {
  isOwn: (address) => address === '203.0.113.1',
  isLan: (address) => address.startsWith('192.168.'),
  deviceAt: (address) => cache.deviceByAddress(undefined, address),
  remoteAt: (address) => cache.noteRemote(address),
};
const tracker = new Tracker(places, (news) => flows.sees(news));
const addresses = new AddressReader();
for (let n = 0; n < 200; n++) {
  const mac = `02:00:00:00:02:${n.toString(16).padStart(2, '0')}`;
  cache.apply({
    kind: 'neighbour',
    segment: 'attic/br-lan',
    interface: 'br-lan',
    address: `192.168.1.${n + 2}`,
    mac,
    present: true,
    fresh: true,
  });
}

/** Connections of 200 devices with 2,000 remotes, as conntrack(8) writes them. */
const tuples = (n: number) => {
  const [device, remote, port] = [
    `192.168.1.${(n % 200) + 2}`,
    `198.18.${(n >> 8) & 7}.${n & 255}`,
    1024 + (n % 60_000),
  ];
  return {
    there: `src=${device} dst=${remote} sport=${port} dport=443`,
    back: `src=${remote} dst=203.0.113.1 sport=443 dport=${port}`,
  };
};
const listed = (n: number, round: number) => {
  const { there, back } = tuples(n);
  return `ipv4     2 tcp      6 431999 ESTABLISHED ${there} packets=${10 + round} bytes=${1000 + round} ${back} packets=8 bytes=9000 [ASSURED] mark=0 use=1 id=${n + 1}\n`;
};
const event = (n: number) => {
  const { there, back } = tuples(n);
  const id = 1_000_000 + n;
  return `[1795255163.2659]\t    [NEW] ipv4     2 udp      17 30 ${there} [UNREPLIED] ${back} id=${id}\n[1795255163.3659]\t[DESTROY] ipv4     2 udp      17 ${there} packets=1 bytes=60 ${back} packets=1 bytes=90 id=${id}\n`;
};

/** CPU of this process, milliseconds, for text that comes in chunks. */
async function cpuOf(text: string, onLine: (line: string) => void): Promise<number> {
  const bytes = Buffer.from(text);
  const lines = new LineSplitter(onLine);
  const before = process.cpuUsage();
  for (let at = 0; at < bytes.length; at += CHUNK) {
    lines.push(bytes.subarray(at, at + CHUNK));
    await breathe();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function reading(text: string): Promise<number> {
  tracker.begin();
  const ms = await cpuOf(text, (line) => {
    const entry = parseConntrackLine(line, addresses);
    if (entry !== undefined) tracker.note(entry);
  });
  tracker.end(new Set([4]));
  return ms;
}

const texts = Array.from({ length: EVENTS }, (_, n) => event(n)).join('');
const frames = Array.from({ length: 1_000 }, (_, n) => {
  const message = answer(`host${n}.example`, [
    { type: 'A', name: `host${n}.example`, data: `198.19.${n >> 8}.${n & 255}` },
  ] as never);
  return ethernet(0x0800, ipv4(17, '192.168.1.1', '192.168.1.11', udp(53, 40_000, message)), ROUTER, TV);
});

const readings = [0, 1, 2].map((round) => Array.from({ length: count }, (_, n) => listed(n, round)).join(''));
await breathe();
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const [first = 0, , next = 0] = [
  await reading(readings[0] ?? ''),
  await reading(readings[1] ?? ''),
  await reading(readings[2] ?? ''),
];
must(flows.size > 0, true);
const events = await cpuOf(texts, (line) => {
  const entry = parseConntrackLine(line, addresses);
  if (entry?.event === 'NEW') tracker.began(entry);
  else if (entry?.event === 'DESTROY') tracker.ended(entry);
});
const counters = { frames: 0, ignored: 0, answers: 0 };
const before = process.cpuUsage();
for (let n = 0; n < ANSWERS; n++) {
  const frame = frames[n % frames.length];
  if (frame === undefined) continue;
  for (const fact of readFrame(frame, 1, 'br-lan', counters)) if (fact.kind === 'answer') cache.apply(fact);
  if (n % 100 === 0) await breathe();
}
const { user, system } = process.cpuUsage(before);
delay.disable();
must(counters.answers, ANSWERS);
const found: ObserveRun = {
  entries: count,
  first_reading_ms: first,
  next_reading_ms: next,
  events_ms_per_1000: (events / (2 * EVENTS)) * 1000,
  answers_per_s: (ANSWERS / ((user + system) / 1000)) * 1000,
  delay_p99_ms: delay.percentile(99) / 1e6,
  delay_max_ms: delay.max / 1e6,
};
console.log(JSON.stringify(found));
