import type { Clock } from '../../clock.ts';
import { within } from '../deadline.ts';
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
/** A pause of ours must not be taken for that, milliseconds. */
export const MAX_PAUSE_MS = STALL_MS / 2;
/** Messages without content that a session may have: a later version's, and those that only show progress. */
const MAX_EMPTY = 1_000;

/** We are about to send so many bytes: how long to wait before, milliseconds. */
export type SendPace = (bytes: number) => number;

/** Sync messages over a channel. Everything that the other side does wrong is an Error that says what. */
export class Talk {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #pace: SendPace | undefined;
  #empty = 0;

  constructor(channel: Channel, clock: Clock, signal: AbortSignal, pace?: SendPace) {
    this.#channel = channel;
    this.#clock = clock;
    this.#signal = signal;
    this.#pace = pace;
  }

  async say(message: Sent): Promise<void> {
    const bytes = encodeSync(message);
    const wait = this.#pace?.(bytes.length) ?? 0;
    if (wait > 0) await this.#clock.sleep(Math.min(wait, MAX_PAUSE_MS), this.#signal);
    await within(this.#clock, STALL_MS, this.#signal, 'sync', () => this.#channel.send(bytes));
  }

  /** The next message that this version knows. */
  async hear(): Promise<Sent> {
    for (;;) {
      const bytes = await within(this.#clock, STALL_MS, this.#signal, 'sync', () => this.#channel.receive());
      if (bytes === undefined) throw new Error('closed the stream early');
      const decoded = decodeSync(bytes);
      if (!decoded.ok) throw new Error(`sends rubbish: ${decoded.why}`);
      if (isEmpty(decoded.value) && ++this.#empty > MAX_EMPTY) throw new Error('talks and says nothing');
      if (decoded.value.kind !== 'unknown') return decoded.value;
    }
  }

  async expect<K extends Sent['kind']>(kind: K): Promise<Extract<Sent, { kind: K }>> {
    const message = await this.hear();
    if (!isKind(message, kind)) throw new Error(`sends ${message.kind} instead of ${kind}`);
    return message;
  }
}

function isEmpty(message: SyncMessage): boolean {
  if (message.kind === 'ops' || message.kind === 'registers') return message.envelopes.length === 0;
  return message.kind === 'unknown' || message.kind === 'coming';
}

function isKind<K extends Sent['kind']>(message: Sent, kind: K): message is Extract<Sent, { kind: K }> {
  return message.kind === kind;
}
