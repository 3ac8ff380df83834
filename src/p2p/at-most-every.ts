import type { Clock } from '../clock.ts';

/** What `ask` answers, asked anew at most once in `ms` milliseconds: for what is dear to ask and rarely different. */
export function atMostEvery<T>(clock: Clock, ms: number, ask: () => T): () => T {
  let last: { readonly at: number; readonly answer: T } | undefined;
  return () => {
    const now = clock.monotonic();
    if (last === undefined || now - last.at >= ms) last = { at: now, answer: ask() };
    return last.answer;
  };
}
