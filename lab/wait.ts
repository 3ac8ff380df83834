/** Waiting in the lab, always bounded. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './error.ts';

export interface WaitOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
  /** Default 20. */
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

type Answer<T> = Exclude<T, false | undefined>;

/**
 * Asks again and again until the answer is neither false nor undefined, and returns it.
 * @param what finishes the sentence "waited … ms for"
 * @throws LabError when the time is over
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Answer<T>> {
  const found = await poll(ask, options);
  if (!found) throw new LabError(`waited ${options.timeoutMs ?? 10_000} ms for ${what}`);
  return found.answer;
}

/** As {@link until}, but tells how many ms it took, and undefined when the time is over. */
export async function timeUntil<T>(
  ask: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<number | undefined> {
  return (await poll(ask, options))?.ms;
}

async function poll<T>(
  ask: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 20, signal }: WaitOptions,
): Promise<{ answer: Answer<T>; ms: number } | undefined> {
  const begun = performance.now();
  while (true) {
    signal?.throwIfAborted();
    const answer = await ask();
    const ms = performance.now() - begun;
    if (answer !== false && answer !== undefined) return { answer: answer as Answer<T>, ms };
    if (ms >= timeoutMs) return undefined;
    await sleep(everyMs, undefined, signal ? { signal } : {});
  }
}
