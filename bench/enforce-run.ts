/**
 * What a backend takes, run on a router: `node bench/enforce-run.ts KIND PAIRS CHANGES RUNS LAN`. It says `drop N` when it
 * wants something dropped for N devices, waits for a line, and prints what it measured as a line of JSON.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Backend } from '../src/local/enforce/backend.ts';
import { encodePlan } from '../src/local/enforce/plan-format.ts';
import { restorePlan } from '../src/local/enforce/plan-restore.ts';
import { planOf } from '../src/local/enforce/plan-text.ts';
import { createExec } from '../src/local/exec.ts';
import type { BlockSet } from '../src/policy/block-set.ts';
import { blockSetOf, DEVICES, idOf, wanted, withRemotes } from './enforce-sets.ts';
import { type Figure, figure } from './figures.ts';
import { backendOn, type Kind } from './forwarding-rules.ts';
import { must } from './timing.ts';

/** Milliseconds, from the call to the kernel's acknowledgement; memory in bytes. */
export interface EnforceRun {
  readonly kind: Kind;
  readonly pairs: number;
  /** One remote of an owner that has others, IPv4. */
  readonly added: Figure;
  readonly removed: Figure;
  /** The same with nothing but one pair beside it. */
  readonly added_alone: Figure;
  readonly removed_alone: Figure;
  /** The only remote of an owner: its first ever with a MAC, and again. */
  readonly first: Figure;
  readonly again: Figure;
  readonly last_removed: Figure;
  /** A whole remote with four and four addresses. */
  readonly node_added: Figure;
  readonly node_removed: Figure;
  /** The whole block set into an empty kernel, and over one that holds it. */
  readonly filled: Figure;
  readonly resync: Figure;
  readonly check: Figure;
  readonly cleared: Figure;
  readonly restored: Figure;
  readonly plan_bytes: number;
  readonly counters_none: Figure;
  readonly counters_one: Figure;
  readonly counters_all: Figure;
}

const [kind = 'ipset', ...numbers] = process.argv.slice(2) as [Kind, ...string[]];
const [pairs = 5_000, changes = 200, runs = 5, lan = 1] = numbers.map(Number);
const exec = createExec();
const { signal } = new AbortController();
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** An address that is no remote of the block set. */
const EXTRA = '203.0.113.30';

async function timed(run: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await run();
  return performance.now() - begun;
}

async function several(run: () => Promise<unknown>, before?: () => Promise<unknown>): Promise<Figure> {
  const took: number[] = [];
  for (let n = 0; n < runs; n++) {
    await before?.();
    took.push(await timed(run));
  }
  return figure(took);
}

/** From one block set to another and back, again and again. */
async function toAndFro(backend: Backend, from: BlockSet, to: BlockSet, times: number) {
  const [there, back]: [number[], number[]] = [[], []];
  for (let n = 0; n < times; n++) {
    there.push(await timed(async () => must((await backend.set(to, signal)).did, 'update')));
    back.push(await timed(async () => must((await backend.set(from, signal)).did, 'update')));
  }
  return [figure(there), figure(back)] as const;
}

const add = (set: BlockSet, n: number, remotes: readonly string[]) =>
  withRemotes(set, idOf(n), (all) => {
    for (const remote of remotes) all.set(remote, wanted);
  });

/** Owners that come for the first time, one after the other; each goes and comes again once. */
async function newcomers(backend: Backend, many: BlockSet) {
  const [first, again, gone]: [number[], number[], number[]] = [[], [], []];
  let held = { ...many, owners: new Map([...many.owners].slice(0, 1)) };
  await backend.clear(signal);
  await backend.set(held, signal);
  for (let n = 1; n < DEVICES; n++) {
    const owner = many.owners.get(idOf(n));
    if (owner === undefined) break;
    const one = { ...owner, remotes: new Map([[EXTRA, wanted]]) };
    const more = { ...held, owners: new Map(held.owners).set(one.id, one) };
    first.push(await timed(() => backend.set(more, signal)));
    gone.push(await timed(() => backend.set(held, signal)));
    again.push(await timed(() => backend.set(more, signal)));
    held = more;
  }
  return { first: figure(first), again: figure(again), last_removed: figure(gone) };
}

async function counting(backend: Backend, devices: number): Promise<Figure> {
  console.log(`drop ${devices}`);
  await answers.next();
  must((await backend.counters(signal)).length >= devices, true);
  return several(() => backend.counters(signal));
}

async function measure(backend: Backend, folder: string): Promise<EnforceRun> {
  const [many, few] = [pairs, 1].map((n) => blockSetOf(lan, n, { macs: true })) as [BlockSet, BlockSet];
  await backend.set(few, signal);
  const [added_alone, removed_alone] = await toAndFro(backend, few, add(few, 0, [EXTRA]), changes);
  const moving = await newcomers(backend, many);

  const cleared = await several(
    () => backend.clear(signal),
    () => backend.set(many, signal),
  );
  const filled = await several(
    () => backend.set(many, signal),
    () => backend.clear(signal),
  );
  // Another agent that finds what this one has left there.
  let next = backend;
  const resync = await several(
    async () => must((await next.set(many, signal)).did, 'resync'),
    async () => {
      if (next !== backend) await next.stop();
      next = backendOn(kind, exec);
    },
  );
  await next.stop();
  await backend.clear(signal);
  await backend.set(many, signal);

  const [added, removed] = await toAndFro(backend, many, add(many, 0, [EXTRA]), changes);
  const node = Array.from({ length: 4 }, (_, n) => [
    `203.0.113.${100 + n}`,
    `2001:db8:abcd::${n + 1}`,
  ]).flat();
  const [node_added, node_removed] = await toAndFro(backend, many, add(many, 0, node), changes);
  const check = await several(async () => must((await backend.check(signal)).length, 0));
  const counters_none = await counting(backend, 0);
  const counters_one = await counting(backend, 1);
  const counters_all = await counting(backend, Math.min(DEVICES, pairs));

  const plan = backend.plan();
  if (plan === undefined) throw new RangeError('no plan');
  const path = join(folder, 'plan');
  await writeFile(path, encodePlan(planOf(plan)));
  const restored = await several(
    () => restorePlan(path, exec, signal),
    () => backend.clear(signal),
  );
  const plan_bytes = (await readFile(path)).length;
  await backend.clear(signal);
  return {
    ...{ kind, pairs, added, removed, added_alone, removed_alone, ...moving, node_added, node_removed },
    ...{ filled, resync, check, cleared, restored, plan_bytes, counters_none, counters_one, counters_all },
  };
}

const folder = await mkdtemp(join(tmpdir(), 'hedgerow-bench-enforce-'));
const backend = backendOn(kind, exec);
try {
  console.log(JSON.stringify(await measure(backend, folder)));
} finally {
  await backend.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exit();
