import type { Clock } from '../clock.ts';
import { TemporaryError } from '../errors.ts';

/**
 * Runs `work` with a signal that aborts with `signal` or after `ms` milliseconds, and does not wait for work that
 * ignores it. Rejects with a TemporaryError at the deadline.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const own = new AbortController();
  const over = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    over.reject(reason);
    own.abort(reason);
  };
  const outer = () => end(signal.reason);
  signal.addEventListener('abort', outer, { once: true });
  const timer = clock.after(ms, () => end(new TemporaryError(`${what}: nothing within ${ms} ms`)));
  try {
    return await Promise.race([work(own.signal), over.promise]);
  } finally {
    timer.clear();
    signal.removeEventListener('abort', outer);
  }
}
