/** One start of the policy on a store, in a process of its own: `node bench/years-start.ts FOLDER` prints what it took. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../src/store/database.ts';
import { collector, emptyOn } from './history.ts';
import { must } from './timing.ts';

/** Milliseconds; of the process, CPU of all its threads. Memory in MB, at rest and collected. */
export interface YearsStart {
  readonly ops: number;
  readonly open_ms: number;
  readonly load_ms: number;
  readonly fold_ms: number;
  readonly total_ms: number;
  readonly cpu_ms: number;
  readonly rss_mb: number;
  readonly heap_mb: number;
  readonly buffers_mb: number;
}

const [folder = ''] = process.argv.slice(2);
const collect = collector();
const cpu = process.cpuUsage();
const begun = performance.now();
const database = await openDatabase(folder);
const opened = performance.now();
const side = emptyOn(database);
const stored = await side.store.load(side.replica.home);
const loaded = performance.now();
side.restore(stored);
must(side.replica.digest.length, 64);
const folded = performance.now();
const { user, system } = process.cpuUsage(cpu);
await sleep(200);
collect();
await sleep(200);
const memory = process.memoryUsage();
const found: YearsStart = {
  ops: side.replica.size,
  open_ms: opened - begun,
  load_ms: loaded - opened,
  fold_ms: folded - loaded,
  total_ms: folded - begun,
  cpu_ms: (user + system) / 1000,
  rss_mb: memory.rss / 1e6,
  heap_mb: memory.heapUsed / 1e6,
  buffers_mb: memory.arrayBuffers / 1e6,
};
console.log(JSON.stringify(found));
await side.store.close();
