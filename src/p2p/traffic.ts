import type { MultiaddrConnection } from '@libp2p/interface';
import type { PeerKey } from '../policy/crypto.ts';
import type { Followed } from './followed.ts';

export interface Bytes {
  in: number;
  out: number;
}

interface Counted extends Bytes {
  /** Of both, what keep-alives took. */
  idle: number;
}

const MAX_PEERS = 4_096;
/** Around what a stream is given to send: yamux' header, noise's length and tag; what pnet adds is nothing. Bytes. */
const AROUND = 12 + 2 + 16;
/** The window that yamux opens again for every frame is another one, the other way, with nothing in it. */
const PER_FRAME = 2 * AROUND;

/** Bytes on the wire per peer, counted where they enter and leave the socket. */
export class Traffic {
  readonly #bytes = new Map<PeerKey, Counted>();
  readonly #onBytesIn: (peer: PeerKey) => void;
  readonly #followed: Followed;

  /**
   * @param onBytesIn told of every arrival: any traffic is a sign of life.
   * @param followed told of every connection.
   */
  constructor(onBytesIn: (peer: PeerKey) => void, followed: Followed) {
    this.#onBytesIn = onBytesIn;
    this.#followed = followed;
  }

  of(peer: PeerKey): Readonly<Bytes> {
    return this.#bytes.get(peer) ?? { in: 0, out: 0 };
  }

  /** Bytes in and out that were no keep-alives: what the link with a peer is good for. */
  useful(peer: PeerKey): number {
    const bytes = this.#bytes.get(peer);
    return bytes === undefined ? 0 : Math.max(0, bytes.in + bytes.out - bytes.idle);
  }

  /** So many bytes were given to a stream, or came over one, in one frame that only says that somebody is alive. */
  idle(peer: PeerKey, bytes: number): void {
    const counted = this.#bytes.get(peer);
    if (counted !== undefined) counted.idle += bytes + PER_FRAME;
  }

  /**
   * Counts a connection whose peer is known from its handshake. Not to be called before that: a listener on a fresh
   * connection would take the handshake's bytes away from it.
   */
  watch(peer: PeerKey, connection: MultiaddrConnection): void {
    const bytes = this.#of(peer);
    const own = { in: 0, out: 0 };
    connection.addEventListener('message', (event) => {
      bytes.in += event.data.byteLength;
      own.in += event.data.byteLength;
      this.#onBytesIn(peer);
    });
    const send = connection.send.bind(connection);
    connection.send = (data) => {
      bytes.out += data.byteLength;
      own.out += data.byteLength;
      return send(data);
    };
    this.#followed.opened(peer, connection, own);
  }

  forget(peer: PeerKey): void {
    this.#bytes.delete(peer);
  }

  #of(peer: PeerKey): Counted {
    const known = this.#bytes.get(peer);
    if (known !== undefined) return known;
    const bytes = { in: 0, out: 0, idle: 0 };
    if (this.#bytes.size < MAX_PEERS) this.#bytes.set(peer, bytes);
    return bytes;
  }
}
