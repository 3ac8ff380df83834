import { UnavailableError } from '../errors.ts';
import type { Failure } from './rpc.ts';

/** What a view says now, or why it cannot be told. */
export interface News {
  readonly result?: unknown;
  readonly error?: Failure | undefined;
}

/** The newest of what subscriptions told, until it is taken. */
export class Followed {
  readonly #news = new Map<number, News>();
  readonly #waiting = new Map<number, () => void>();
  #ended = false;

  /** False when the message is not about a subscription. */
  take(message: unknown): boolean {
    if (typeof message !== 'object' || message === null || !('method' in message)) return false;
    if (message.method !== 'changed' || !('params' in message)) return false;
    const { subscription, ...news } = message.params as News & { subscription: number };
    this.#news.set(subscription, news);
    this.#wake(subscription);
    return true;
  }

  /** The agent has gone. */
  end(): void {
    this.#ended = true;
    for (const subscription of [...this.#waiting.keys()]) this.#wake(subscription);
  }

  forget(subscription: number): void {
    this.#news.delete(subscription);
  }

  /** Waits for news; undefined when the signal aborts. UnavailableError when the agent goes away. */
  async next(subscription: number, signal: AbortSignal): Promise<News | undefined> {
    while (!signal.aborted) {
      const news = this.#news.get(subscription);
      this.#news.delete(subscription);
      if (news !== undefined) return news;
      if (this.#ended) throw new UnavailableError('the agent went away');
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          this.#waiting.delete(subscription);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        this.#waiting.set(subscription, wake);
      });
    }
    return undefined;
  }

  #wake(subscription: number): void {
    this.#waiting.get(subscription)?.();
  }
}
