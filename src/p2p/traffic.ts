import type { MultiaddrConnection } from '@libp2p/interface';
import type { PeerKey } from '../policy/crypto.ts';
import type { Followed } from './followed.ts';

export interface Bytes {
  in: number;
  out: number;
}

const MAX_PEERS = 4_096;

/** Bytes on the wire per peer, counted where they enter and leave the socket. */
export class Traffic {
  readonly #bytes = new Map<PeerKey, Bytes>();
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

  #of(peer: PeerKey): Bytes {
    const known = this.#bytes.get(peer);
    if (known !== undefined) return known;
    const bytes = { in: 0, out: 0 };
    if (this.#bytes.size < MAX_PEERS) this.#bytes.set(peer, bytes);
    return bytes;
  }
}
