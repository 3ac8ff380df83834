import type { Connection, Stream } from '@libp2p/interface';
import type { Clock } from '../../clock.ts';
import { messageOf, TemporaryError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { StreamChannel } from '../channel.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import { hangUp } from '../hang-up.ts';
import { peerKeyOf } from '../identity.ts';
import type { Overlay } from '../overlay.ts';
import { Pace } from '../pace.ts';
import { type Farewell, Farewells } from './farewells.ts';
import {
  decodeJoinRequest,
  encodeJoinAnswer,
  type JoinAnswer,
  type JoinRequest,
  MAX_REQUEST_BYTES,
} from './join-wire.ts';

export const JOIN_PROTOCOL = '/hedgerow/join/1';

/** What the overlay needs to let a router in that is no member yet. */
export interface Door {
  /** Whether this is the key of an invitation that may be good now, or of one that was used and could be asked about again. */
  readonly expects: (guest: PeerKey) => boolean;
  /** Admits whom a guest speaks for, or says why not. */
  readonly admit: (guest: PeerKey, request: JoinRequest) => Promise<JoinAnswer>;
  /** What those hear that were evicted. Without it they are strangers like all others. */
  readonly farewell?: Farewell;
}

export interface GuestsOptions {
  readonly overlay: Overlay;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Nobody is let in without one. */
  readonly door: Door | undefined;
}

/** From the connection to its end, milliseconds. */
const VISIT_MS = 10_000;
/** A guest gets so long to read its answer, milliseconds. */
const READ_MS = 1_000;
/** So many visits at once, and so many a second after that, of all guests together. */
const BURST = 10;
const PER_SECOND = 0.2;

/**
 * A guest connects with the one-use key of an invitation, which the handshake proves, and may do one thing: name the router
 * that is to be admitted. It hears one answer and is hung up on. Whoever has no good invitation is a stranger.
 */
export class Guests {
  readonly #options: GuestsOptions;
  readonly #pace: Pace;
  readonly #farewells: Farewells;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: GuestsOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, BURST, PER_SECOND);
    this.#farewells = new Farewells({ ...options, farewell: options.door?.farewell });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { overlay, door } = this.#options;
    this.#signal = signal;
    if (door === undefined) return;
    await this.#farewells.start(signal);
    await overlay.handle(
      JOIN_PROTOCOL,
      (guest, stream, on) => void this.#hear(door, guest, stream, on),
      'guests',
    );
  }

  /** Whether a peer that proved this key is let in as a guest. Asked at each handshake. */
  lets(guest: PeerKey): boolean {
    const { door, counters } = this.#options;
    if (this.#signal.aborted) return false;
    if (door?.expects(guest) !== true) return this.#farewells.lets(guest);
    if (this.#pace.allows(1)) return true;
    counters.add('guests.too_often');
    return false;
  }

  /** A guest is connected: not for long. */
  opened(connection: Connection): void {
    const { clock, counters } = this.#options;
    const peer = peerKeyOf(connection.remotePeer);
    if (peer !== undefined && this.#farewells.opened(peer, connection)) return;
    counters.add('guests.came');
    clock.after(VISIT_MS, () => hangUp(connection, 'a guest stayed too long'));
  }

  async #hear(door: Door, guest: PeerKey, stream: Stream, connection: Connection): Promise<void> {
    const { clock, counters, log } = this.#options;
    const channel = new StreamChannel(stream, MAX_REQUEST_BYTES);
    try {
      await within(clock, VISIT_MS, this.#signal, 'join', async (signal) => {
        const bytes = await channel.receive();
        const request = bytes === undefined ? undefined : decodeJoinRequest(bytes);
        const answer: JoinAnswer =
          request?.ok === true
            ? await door.admit(guest, request.value)
            : { kind: 'refused', why: 'the request cannot be read', elsewhere: false };
        counters.add(`guests.${answer.kind}`);
        await channel.send(encodeJoinAnswer(answer));
        await channel.close(signal);
        await this.#untilRead(channel, signal);
      });
    } catch (error) {
      counters.add('guests.broken');
      log.debug({ error: messageOf(error) }, 'a guest was not served');
    }
    hangUp(connection, 'a guest has its answer');
  }

  /** The other side hangs up when it has read its answer. */
  async #untilRead(channel: StreamChannel, signal: AbortSignal): Promise<void> {
    const { clock, counters } = this.#options;
    try {
      await within(clock, READ_MS, signal, 'join', () => channel.receive());
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      counters.add('guests.lingered');
    }
  }
}
