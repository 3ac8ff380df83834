import type { Clock } from '../clock.ts';
import { within } from './deadline.ts';
import { decodeSync, encodeSync, type SyncMessage } from './sync-wire.ts';

/** An ordered, reliable stream of whole messages to one peer. */
export interface Channel {
  /** Resolves when more may be sent; rejects when the channel is closed. */
  send(message: Uint8Array): Promise<void>;
  /** The next message; undefined after the other side closed. */
  receive(): Promise<Uint8Array | undefined>;
}

/** A message that we send ourselves. */
export type Sent = Exclude<SyncMessage, { kind: 'unknown' }>;

/** A peer that says nothing, or takes nothing, for so long has stalled, milliseconds. */
export const STALL_MS = 10_000;

/** Sync messages over a channel. Everything that the other side does wrong is an Error that says what. */
export class Talk {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor(channel: Channel, clock: Clock, signal: AbortSignal) {
    this.#channel = channel;
    this.#clock = clock;
    this.#signal = signal;
  }

  async say(message: Sent): Promise<void> {
    const bytes = encodeSync(message);
    await within(this.#clock, STALL_MS, this.#signal, 'sync', () => this.#channel.send(bytes));
  }

  /** The next message that this version knows. */
  async hear(): Promise<Sent> {
    for (;;) {
      const bytes = await within(this.#clock, STALL_MS, this.#signal, 'sync', () => this.#channel.receive());
      if (bytes === undefined) throw new Error('closed the stream early');
      const decoded = decodeSync(bytes);
      if (!decoded.ok) throw new Error(`sends rubbish: ${decoded.why}`);
      if (decoded.value.kind !== 'unknown') return decoded.value;
    }
  }

  async expect<K extends Sent['kind']>(kind: K): Promise<Extract<Sent, { kind: K }>> {
    const message = await this.hear();
    if (!isKind(message, kind)) throw new Error(`sends ${message.kind} instead of ${kind}`);
    return message;
  }
}

function isKind<K extends Sent['kind']>(message: Sent, kind: K): message is Extract<Sent, { kind: K }> {
  return message.kind === kind;
}
