import type { Connection, Stream } from '@libp2p/interface';
import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { Message, Writer } from '../../policy/codec.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { StreamChannel } from '../channel.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import { hangUp } from '../hang-up.ts';
import type { Overlay } from '../overlay.ts';
import { accept, type Decoded, refuse } from '../wire.ts';

export const PARTING_PROTOCOL = '/hedgerow/parting/1';

/** Why a link that is alive is closed (link-policy.ts), in the order of their numbers on the wire, from 1. */
const PARTINGS = ['surplus', 'idle', 'age'] as const;

export type Parting = (typeof PARTINGS)[number];

/** The word before a link is closed: its reason alone. */
export function encodeParting(parting: Parting): Uint8Array {
  return new Writer().number(1, PARTINGS.indexOf(parting) + 1).finish();
}

/** Never throws. */
export function decodeParting(bytes: Uint8Array): Decoded<Parting> {
  const parting = PARTINGS[(Message.read(bytes)?.number(1) ?? 0) - 1];
  return parting === undefined ? refuse('not a reason to part') : accept(parting);
}

export interface PartingOptions {
  readonly overlay: Overlay;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  /** The other side closes the link, and why: it is closed behind this call. */
  readonly onParting: (peer: PeerKey, parting: Parting) => void;
}

/** For the other side to hear it and to close, milliseconds. */
const PARTING_MS = 1_000;
const MAX_FRAME = 64;

/**
 * Tells the other side why a link is closed, so that it does not dial again for what we do not want, in a loop. Who is told
 * closes the connection, so that the word is not overtaken by the end; who tells does so when that does not come.
 */
export class Partings {
  readonly #options: PartingOptions;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: PartingOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await this.#options.overlay.handle(PARTING_PROTOCOL, (peer, stream, connection) => {
      void this.#hear(peer, stream, connection);
    });
  }

  /** Says it and closes the connection, within {@link PARTING_MS}. Never rejects. */
  async part(connection: Connection, parting: Parting): Promise<void> {
    const { clock, log } = this.#options;
    try {
      await within(clock, PARTING_MS, this.#signal, 'parting', async (signal) => {
        const stream = await connection.newStream(PARTING_PROTOCOL, { signal });
        const channel = new StreamChannel(stream, MAX_FRAME);
        await channel.send(encodeParting(parting));
        // Ends when the other side has closed the connection.
        await channel.receive();
      });
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'the other side was not told why the link is closed');
    }
    if (connection.status === 'open') hangUp(connection, `parted: ${parting}`);
  }

  async #hear(peer: PeerKey, stream: Stream, connection: Connection): Promise<void> {
    const { clock, counters, log, onParting } = this.#options;
    const channel = new StreamChannel(stream, MAX_FRAME);
    try {
      const bytes = await within(clock, PARTING_MS, this.#signal, 'parting', () => channel.receive());
      const parting = decodeParting(bytes ?? new Uint8Array());
      if (parting.ok) {
        onParting(peer, parting.value);
        hangUp(connection, `told: ${parting.value}`);
        return;
      }
      counters.add('links.rubbish');
      channel.abort(new Error(parting.why));
    } catch (error) {
      log.debug({ peer, error: messageOf(error) }, 'a parting was not heard to its end');
      channel.abort(new Error('too slow'));
    }
  }
}
