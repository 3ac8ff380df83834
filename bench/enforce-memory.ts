/**
 * The kernel's memory for a block set, run on a router: `node bench/enforce-memory.ts KIND PAIRS RUNS LAN` prints it as JSON.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createExec } from '../src/local/exec.ts';
import { blockSetOf } from './enforce-sets.ts';
import { type Figure, figure } from './figures.ts';
import { backendOn, type Kind } from './forwarding-rules.ts';

/** Bytes. */
export interface EnforceMemory {
  readonly kind: Kind;
  readonly pairs: number;
  /** Elements of all sets. */
  readonly elements: number;
  /** What ipset says of its sets; nothing of the kind is told by nft. */
  readonly told: number | undefined;
  /** By how much the kernel's memory grew and shrank, with all that came with it. */
  readonly grown: Figure;
}

/** What is freed late (RCU, hash tables that shrink) is free by then. */
const SETTLE_MS = 1_500;
const [kind = 'ipset', ...numbers] = process.argv.slice(2) as [Kind, ...string[]];
const [pairs = 10_000, runs = 3, lan = 1] = numbers.map(Number);
const exec = createExec();
const { signal } = new AbortController();

/** Slabs that cannot be given back, big allocations, and counters for each processor (proc_meminfo(5)). */
async function kernelMemory(): Promise<number> {
  await sleep(SETTLE_MS);
  const text = await readFile('/proc/meminfo', 'utf8');
  const kb = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return (kb('SUnreclaim') + kb('VmallocUsed') + kb('Percpu')) * 1024;
}

async function told(): Promise<number | undefined> {
  if (kind === 'nftables') return undefined;
  const { stdout } = await exec.run(['ipset', 'list', '-t']);
  return [...stdout.matchAll(/^Size in memory: (\d+)$/gm)].reduce((sum, [, size]) => sum + Number(size), 0);
}

const set = blockSetOf(lan, pairs, { macs: true });
const backend = backendOn(kind, exec);
const differences: number[] = [];
let [elements, size] = [0, await told()];
for (let n = 0; n < runs; n++) {
  const before = await kernelMemory();
  elements = (await backend.set(set, signal)).elements;
  const after = await kernelMemory();
  size = await told();
  await backend.clear(signal);
  differences.push(after - before, after - (await kernelMemory()));
}
await backend.stop();
const found: EnforceMemory = { kind, pairs, elements, told: size, grown: figure(differences) };
console.log(JSON.stringify(found));
process.exit();
