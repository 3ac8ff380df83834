import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import type { Pace } from '../pace.ts';
import type { Channel } from '../sync/sync-talk.ts';
import type { PresenceFeed } from './presence-feed.ts';
import { askAgain, statementOf } from './presence-statement.ts';
import type { Taken } from './presence-table.ts';
import { decodePresence, type PresenceMessage } from './presence-wire.ts';

/** A stream of whole messages that can be ended from this side. */
export type PresenceChannel = Channel & { abort(reason: Error): void };

export interface PresenceSessionOptions {
  readonly feed: PresenceFeed;
  /** How fast the other side is read, in bytes. */
  readonly pace: Pace;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly signal: AbortSignal;
  /** The other side said something. */
  readonly onMessage: (message: PresenceMessage) => Taken;
}

/** At most so often what changed is told (overlay.md), milliseconds. */
const ROUND_MS = 10_000;
/** Devices that came, went or were named are told sooner, milliseconds. */
const URGENT_MS = 1_000;
/** A peer that takes nothing for so long has stalled, milliseconds. */
const STALL_MS = 10_000;
/** A message costs so much more than its bytes. */
const MESSAGE_COST = 100;

/** One presence stream: tells what is new on our side, in turn, and hears the other. */
export class PresenceSession {
  readonly #options: PresenceSessionOptions;
  readonly #channel: PresenceChannel;
  /** Messages sent and received. */
  #out = 0;
  #in = 0;
  /** Up to where the other side was told; when, last and all of it; when it was asked to say everything again. */
  #cursor = 0;
  #saidAt = Number.NEGATIVE_INFINITY;
  #wholeAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #sending = false;

  constructor(channel: PresenceChannel, options: PresenceSessionOptions) {
    this.#options = options;
    this.#channel = channel;
  }

  /** Says what is new, if its turn has come. */
  say(): void {
    const { feed, clock, counters } = this.#options;
    const now = clock.monotonic();
    const due =
      this.#cursor === 0
        ? now - this.#wholeAt >= ROUND_MS
        : now - this.#saidAt >= (feed.isUrgent(this.#cursor) ? URGENT_MS : ROUND_MS);
    const news = due && !this.#sending ? feed.since(this.#cursor) : undefined;
    if (news === undefined) return;
    this.#saidAt = now;
    if (news.anew) this.#wholeAt = now;
    this.#cursor = news.version;
    counters.add(news.anew ? 'presence.told_anew' : 'presence.told');
    void this.#send(statementOf(news, now, this.#out));
  }

  /** Hears for as long as the stream stands, then answers why it ended; silence is ended by the keep-alives. */
  async hear(): Promise<{ readonly rubbish: boolean; readonly why: string }> {
    const { pace, clock, counters, signal, onMessage } = this.#options;
    let end = { rubbish: false, why: 'the other side closed it' };
    try {
      for (;;) {
        const bytes = await this.#channel.receive();
        if (bytes === undefined) break;
        const wait = pace.take(bytes.length + MESSAGE_COST);
        if (wait > 0) {
          counters.add('presence.slowed');
          await clock.sleep(wait, signal);
        }
        const decoded = decodePresence(bytes);
        if (!decoded.ok) {
          end = { rubbish: true, why: decoded.why };
          break;
        }
        this.#heard(decoded.value, onMessage(decoded.value));
      }
    } catch (error) {
      end = { rubbish: false, why: messageOf(error) };
    }
    this.#channel.abort(new Error('the presence stream ended'));
    return end;
  }

  #heard(message: PresenceMessage, taken: Taken): void {
    const { clock, counters } = this.#options;
    const gap = message.seq !== this.#in + 1;
    this.#in = message.seq;
    // Everything is told at the next turn.
    if (message.again) this.#cursor = 0;
    if (!gap && taken === 'ok') return;
    counters.add('presence.gaps');
    const now = clock.monotonic();
    if (this.#sending || now - this.#askedAt < ROUND_MS) return;
    this.#askedAt = now;
    void this.#send([askAgain(this.#out)]);
  }

  async #send(messages: Iterable<Uint8Array>): Promise<void> {
    const { clock, counters, signal } = this.#options;
    this.#sending = true;
    try {
      for (const message of messages) {
        this.#out += 1;
        counters.add('presence.bytes_out', message.length);
        await within(clock, STALL_MS, signal, 'presence', () => this.#channel.send(message));
        // Everybody else has their turn between two.
        await clock.sleep(0, signal);
      }
    } catch (error) {
      counters.add('presence.failed');
      this.#channel.abort(error instanceof Error ? error : new Error(String(error)));
    }
    this.#sending = false;
  }
}
