import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';

/** How many mutated inputs every request surface gets; HEDGEROW_FUZZ=1000000 takes minutes. */
export const RUBBISH = Number(process.env.HEDGEROW_FUZZ ?? 50_000);
/** For a whole test, milliseconds. Other tests may be running on the same cores. */
export const PATIENCE_MS = 120_000 + RUBBISH * 2;
/** For one batch, and for one answer to somebody honest; milliseconds. */
export const BATCH_MS = 10_000;
/** Growth of memory that is no leak, however much rubbish came: caches that were filled, code that was compiled. MB. */
const ROOM_MB = 60;

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

function memoryMb(): number {
  if (typeof collect === 'function') collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

/** The same, or a rejection when it takes longer than a batch may. */
export async function inTime<T>(what: string, work: Promise<T>, ms = BATCH_MS): Promise<T> {
  const over = new AbortController();
  const late = wait(ms, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${what}: not in ${ms} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => undefined);
    over.abort();
  }
}

/** What was seen while a surface was fed. */
export interface Seen {
  /** Answers to the honest client, and the slowest of them in milliseconds. */
  readonly answered: number;
  readonly slowestMs: number;
  readonly grownMb: number;
}

/**
 * Feeds rubbish while somebody honest asks all the time, and holds what must be so at any surface: each honest question is
 * answered in time, no promise is rejected unheard, memory stays. `batch` is called until `count` inputs were taken.
 * @param honest asks once, and rejects when the answer is not the right one
 * @param batch feeds some, and answers how many
 */
export async function withstands(
  honest: () => Promise<unknown>,
  batch: () => Promise<number>,
  { count = RUBBISH, pauseMs = 20 } = {},
): Promise<Seen> {
  const unheard: unknown[] = [];
  const note = (reason: unknown) => void unheard.push(reason);
  process.on('unhandledRejection', note);
  const over = new AbortController();
  let answered = 0;
  let slowestMs = 0;
  const ask = async () => {
    const began = performance.now();
    await inTime('an honest question', honest());
    slowestMs = Math.max(slowestMs, performance.now() - began);
    answered += 1;
  };
  const asking = async () => {
    while (!over.signal.aborted) {
      await ask();
      await wait(pauseMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  try {
    await inTime('the first batch', batch());
    await ask();
    const before = memoryMb();
    const began = performance.now();
    const watching = asking();
    watching.catch(() => over.abort());
    for (let fed = 0; fed < count && !over.signal.aborted; ) {
      fed += await inTime('a batch', batch());
      // Where nothing comes from outside, only so anybody else has a turn.
      await turn();
    }
    over.abort();
    await watching;
    await ask();
    const grownMb = memoryMb() - before;
    const seen = { answered, slowestMs: Math.round(slowestMs), grownMb: Math.round(grownMb) };
    if (process.env.HEDGEROW_FUZZ !== undefined)
      console.log(
        JSON.stringify({ fed: count, seconds: Math.round(performance.now() - began) / 1e3, ...seen }),
      );
    expect(unheard).toEqual([]);
    expect(grownMb, 'MB').toBeLessThan(ROOM_MB);
    return seen;
  } finally {
    over.abort();
    process.off('unhandledRejection', note);
  }
}
