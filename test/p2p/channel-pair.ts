import type { Channel } from '../../src/p2p/sync/sync-talk.ts';

/** Sees every message, with the side that sent it. */
export type Tap = (message: Uint8Array, side: 'left' | 'right') => void;

/** A channel end in memory. */
export interface End extends Channel {
  close(): void;
}

/** Two ends of one channel. Closing an end lets the other read what is on its way, then tells it the end. */
export function channelPair(tap: Tap = () => {}): [End, End] {
  const toLeft = new Queue();
  const toRight = new Queue();
  const end = (side: 'left' | 'right', out: Queue, into: Queue): End => ({
    async send(message) {
      tap(message, side);
      if (out.closed) throw new Error('the channel is closed');
      out.push(message);
    },
    receive: () => into.shift(),
    close: () => out.close(),
  });
  return [end('left', toRight, toLeft), end('right', toLeft, toRight)];
}

class Queue {
  readonly #messages: Uint8Array[] = [];
  #changed = Promise.withResolvers<void>();
  closed = false;

  push(message: Uint8Array): void {
    this.#messages.push(message);
    this.#wake();
  }

  close(): void {
    this.closed = true;
    this.#wake();
  }

  async shift(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.closed) return undefined;
      await this.#changed.promise;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
