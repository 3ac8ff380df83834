import type { MultiaddrConnection } from '@libp2p/interface';
import type { PeerKey } from '../policy/crypto.ts';
import type { Counters } from './counters.ts';
import type { Refusal } from './gater.ts';

/** The bytes of one connection; `close` is told when it ends. */
export interface Counted {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  once(event: 'close', run: () => void): unknown;
}

/** Where the overlay tells of its connections: whoever shows all of the agent has this shape (control/listeners.ts). */
export interface Followers {
  open(name: string, address: string): Follower;
}

export interface Follower {
  follow(socket: Counted, address: string): { state: string; purpose: string };
  refused(): void;
  close(): void;
}

/** Tells of connections with peers from their handshake on: `accepted` or `dialled`, the purpose being the peer's key. */
export class Followed {
  readonly #followers: Followers | undefined;
  #follower: Follower | undefined;

  constructor(followers: Followers | undefined) {
    this.#followers = followers;
  }

  /** @param addresses where the overlay listens. */
  start(addresses: readonly string[]): void {
    this.#follower ??= this.#followers?.open('overlay', addresses.join(' '));
  }

  stop(): void {
    this.#follower?.close();
    this.#follower = undefined;
  }

  refused(how: Refusal, counters: Counters): void {
    counters.add(`refused.${how}`);
    if (how !== 'outbound') this.#follower?.refused();
  }

  opened(peer: PeerKey, connection: MultiaddrConnection, bytes: Readonly<{ in: number; out: number }>): void {
    const counted: Counted = {
      get bytesRead() {
        return bytes.in;
      },
      get bytesWritten() {
        return bytes.out;
      },
      once: (_, run) => connection.addEventListener('close', run, { once: true }),
    };
    const shown = this.#follower?.follow(counted, connection.remoteAddr.toString());
    if (shown === undefined) return;
    shown.state = connection.direction === 'inbound' ? 'accepted' : 'dialled';
    shown.purpose = peer;
  }
}
