import type { Clock } from '../../clock.ts';

/** Work that has a deadline on the injected clock, milliseconds, so that tests can pass it; then its signal aborts. */
export async function bounded<T>(
  { clock, ms, signal }: { readonly clock: Clock; readonly ms: number; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = clock.after(ms, () => deadline.abort(new Error(`no answer within ${ms / 1000} s`)));
  try {
    return await work(AbortSignal.any([signal, deadline.signal]));
  } finally {
    timer.clear();
  }
}
