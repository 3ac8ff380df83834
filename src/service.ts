import { messageOf } from './errors.ts';
import type { Log } from './log.ts';

/**
 * A part of the agent with a life. The constructor keeps what it is given and does nothing else;
 * `stop()` is idempotent and ends within {@link STOP_DEADLINE_MS}.
 */
export interface Service {
  readonly name: string;
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** How long one service may take to stop, in milliseconds. */
export const STOP_DEADLINE_MS = 5_000;

/** Starts services in order; when one fails, those that had started are stopped in reverse and the error goes on. */
export async function startAll(services: readonly Service[], signal: AbortSignal, log: Log): Promise<void> {
  const started: Service[] = [];
  try {
    for (const service of services) {
      signal.throwIfAborted();
      started.push(service);
      await service.start(signal);
    }
  } catch (error) {
    await stopAll(started, log);
    throw error;
  }
}

/** Stops services in reverse order. A service that fails or hangs is logged and does not hold up the others. */
export async function stopAll(services: readonly Service[], log: Log): Promise<void> {
  for (const service of [...services].reverse()) {
    try {
      await withDeadline(service.stop(), STOP_DEADLINE_MS);
    } catch (error) {
      log.warn({ service: service.name, error: messageOf(error) }, 'a part did not stop cleanly');
    }
  }
}

async function withDeadline(work: Promise<void>, ms: number): Promise<void> {
  const signal = AbortSignal.timeout(ms);
  const expired = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  await Promise.race([work, expired]);
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
