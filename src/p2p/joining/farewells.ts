import type { Connection } from '@libp2p/interface';
import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { StreamChannel } from '../channel.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import { hangUp } from '../hang-up.ts';
import type { Overlay } from '../overlay.ts';
import { Pace } from '../pace.ts';
import { decodeFarewell, encodeFarewell, MAX_FAREWELL_BYTES } from './join-wire.ts';

export const FAREWELL_PROTOCOL = '/hedgerow/farewell/1';

/** What was evicted, as far as the replica tells. */
export interface Farewell {
  /** The op that evicted a router that is no member any more; undefined for everybody else. */
  readonly evictionOf: (peer: PeerKey) => Uint8Array | undefined;
  /** A member says, with this op, that this router was evicted. */
  readonly told: (by: PeerKey, op: Uint8Array) => void;
  /** A member passed on this op of a router that was evicted; it was not taken. */
  readonly late: (op: Uint8Array) => void;
}

export interface FarewellsOptions {
  readonly overlay: Overlay;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly farewell: Farewell | undefined;
}

/** From the connection to its end, milliseconds. */
const VISIT_MS = 5_000;
/** So many visits at once, and so many a second after that, of one router and of all: who was evicted redials for ever, also once it knows. */
const OF_ONE = { burst: 2, perSecond: 0.05 };
const OF_ALL = { burst: 10, perSecond: 0.5 };
/** Routers beyond this number share one pace. */
const MAX_PEERS = 256;
const THE_REST: PeerKey = '';

/**
 * A router that was evicted while it was away finds every door shut, and its people wonder. It is let in for a moment, hears the
 * op that evicted it, and is hung up on; it can say nothing.
 */
export class Farewells {
  readonly #options: FarewellsOptions;
  readonly #pace: Pace;
  readonly #paces = new Map<PeerKey, Pace>();
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: FarewellsOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, OF_ALL.burst, OF_ALL.perSecond);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { overlay, farewell } = this.#options;
    this.#signal = signal;
    if (farewell === undefined) return;
    await overlay.handle(FAREWELL_PROTOCOL, (peer, stream) => {
      void this.#hear(farewell, peer, new StreamChannel(stream, MAX_FAREWELL_BYTES));
    });
  }

  /** Whether a router with this key was evicted and is let in to hear it. Asked at each handshake. */
  lets(peer: PeerKey): boolean {
    if (this.#signal.aborted || !this.#isGone(peer)) return false;
    // Its own first: who comes again and again keeps nobody else from hearing it.
    if (this.#paceOf(peer).allows(1) && this.#pace.allows(1)) return true;
    this.#options.counters.add('farewells.too_often');
    return false;
  }

  /** Says it to one that was let in. False when this is another guest. */
  opened(peer: PeerKey, connection: Connection): boolean {
    const op = this.#options.farewell?.evictionOf(peer);
    if (op === undefined) return false;
    void this.#say(op, connection);
    return true;
  }

  #paceOf(peer: PeerKey): Pace {
    const whose = this.#paces.has(peer) || this.#paces.size < MAX_PEERS ? peer : THE_REST;
    const pace = this.#paces.get(whose) ?? new Pace(this.#options.clock, OF_ONE.burst, OF_ONE.perSecond);
    this.#paces.set(whose, pace);
    return pace;
  }

  #isGone(peer: PeerKey): boolean {
    return this.#options.farewell?.evictionOf(peer) !== undefined;
  }

  async #say(op: Uint8Array, connection: Connection): Promise<void> {
    const { clock, counters, log } = this.#options;
    try {
      await within(clock, VISIT_MS, this.#signal, 'farewell', async (signal) => {
        const stream = await connection.newStream(FAREWELL_PROTOCOL, {
          signal,
          runOnLimitedConnection: true,
        });
        const channel = new StreamChannel(stream);
        await channel.send(encodeFarewell(op));
        await channel.close(signal);
        // It hangs up when it has read that.
        await channel.receive();
      });
      counters.add('farewells.said');
    } catch (error) {
      counters.add('farewells.unheard');
      log.debug({ error: messageOf(error) }, 'an evicted router did not hear that it was');
    }
    hangUp(connection, 'it was evicted');
  }

  async #hear(farewell: Farewell, peer: PeerKey, channel: StreamChannel): Promise<void> {
    const { clock, counters, log } = this.#options;
    try {
      await within(clock, VISIT_MS, this.#signal, 'farewell', async (signal) => {
        const bytes = await channel.receive();
        const op = bytes === undefined ? undefined : decodeFarewell(bytes);
        counters.add('farewells.heard');
        if (op?.ok === true) farewell.told(peer, op.value);
        await channel.close(signal);
      });
    } catch (error) {
      log.debug({ peer, error: messageOf(error) }, 'a farewell was not understood');
    }
  }
}
