/** A flow table in a process of its own: `node bench/flows-run.ts FLOWS REMOTES` prints what it took. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import type { Sighting } from '../src/local/flows/flow.ts';
import { FlowTable } from '../src/local/flows/flow-table.ts';
import { collector } from './history.ts';
import { must } from './timing.ts';

/** Bytes of heap and buffers together; microseconds of CPU for each piece of news; milliseconds of CPU for each round. */
export interface FlowsRun {
  readonly flows: number;
  readonly remotes: number;
  readonly bytes_per_flow: number;
  readonly new_us: number;
  readonly news_us: number;
  readonly full_us: number;
  readonly list_ms: number;
  readonly sweep_ms: number;
  readonly sweep_gone_ms: number;
  /** The dearest slice of a round in which all flows go. */
  readonly slice_ms: number;
}

const DEVICES = 200;
/** A round in which every flow is idle for the last time that it may be. */
const LAST_ROUND = 30;

const [count = 0, remotes = 0] = process.argv.slice(2).map(Number);
const collect = collector();
const idOf = (kind: string, n: number) => `${kind}${n}`.padStart(32, '0');
const devices = Array.from({ length: DEVICES }, (_, n) => idOf('d', n));
const others = Array.from({ length: remotes }, (_, n) => idOf('a', n));
const one = { packets: 1, bytes: 60 };

/** News of flow `n`: the flows of a remote are with many devices and ports. */
const news = Array.from({ length: count }, (_, n): Sighting => {
  const device = devices[n % DEVICES] ?? '';
  const other = others[n % remotes] ?? '';
  const port = Math.floor(n / remotes) + (n % 7);
  return {
    device,
    other,
    otherIsDevice: false,
    protocol: 6,
    port,
    up: one,
    down: one,
    entries: 0,
    offloaded: false,
  };
});

/** CPU of this process, milliseconds. */
function cpu(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function held(): Promise<number> {
  await sleep(100);
  collect();
  await sleep(100);
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function fill(): FlowTable {
  const table = new FlowTable({ clock: systemClock });
  for (const piece of news) table.sees(piece);
  return table;
}

/** What is measured should be compiled, whichever size comes first. */
function warmUp(): void {
  const table = new FlowTable({ clock: systemClock, maxFlows: 2_000 });
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 5_000; n++)
      table.sees({ ...(news[n % count] as Sighting), port: n, protocol: round % 7 });
    for (const flow of table.flows()) must(flow.entries, 0);
    for (let sweep = 0; sweep < round * 3; sweep++) table.sweep();
  }
}

warmUp();
const before = await held();
let table = new FlowTable({ clock: systemClock });
const fresh = cpu(() => {
  for (const piece of news) table.sees(piece);
});
must(table.size, count);
const bytes = (await held()) - before;
const known = cpu(() => {
  for (let round = 0; round < 5; round++) for (const piece of news) table.sees(piece);
});
let listed = 0;
const list = cpu(() => {
  for (const { port } of table.flows()) listed += port < 0 ? 0 : 1;
});
must(listed, count);
const sweeps = cpu(() => {
  for (let round = 0; round < LAST_ROUND; round++) table.sweep();
});
table.sweep();
must(table.size, count);
const gone = cpu(() => table.sweep());
must(table.size, 0);

table = fill();
for (let round = 0; round <= LAST_ROUND; round++) table.sweep();
let slice = 0;
for (let from: number | undefined = 0; from !== undefined; ) {
  const start: number = from;
  slice = Math.max(
    slice,
    cpu(() => {
      from = table.sweepFrom(start);
    }),
  );
}
must(table.size, 0);

const small = new FlowTable({ clock: systemClock, maxFlows: Math.max(100, Math.floor(count / 2)) });
for (const piece of news) small.sees(piece);
const full = cpu(() => {
  for (const piece of news) small.sees({ ...piece, protocol: 17 });
});

const found: FlowsRun = {
  flows: count,
  remotes,
  bytes_per_flow: bytes / count,
  new_us: (fresh * 1000) / count,
  news_us: (known * 1000) / count / 5,
  full_us: (full * 1000) / count,
  list_ms: list,
  sweep_ms: sweeps / LAST_ROUND,
  sweep_gone_ms: gone,
  slice_ms: slice,
};
console.log(JSON.stringify(found));
