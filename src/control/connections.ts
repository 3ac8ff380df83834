import type { Clock } from '../clock.ts';
import type { Connection, Counted, Listener, Listeners } from './listeners.ts';
import { type Cursor, Numbered } from './numbered.ts';

/** A connection as it is now. */
export interface ConnectionFacts extends Connection {
  readonly number: number;
  /** The listener's name. */
  readonly listener: string;
  /** Where the client is. */
  readonly address: string;
  /** Milliseconds. */
  readonly ageMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** A listener as it is now, with all that it has counted. */
export interface ListenerFacts {
  readonly name: string;
  readonly address: string;
  readonly active: number;
  readonly total: number;
  /** Turned away: there was no room, or they may not. */
  readonly refused: number;
  /** Ended so that others found a place. */
  readonly gaveWay: number;
  readonly uptimeMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Who connects to the agent, of all its listeners (seed 004). Bytes are counted by the sockets themselves. */
export class Connections implements Listeners {
  readonly #clock: Clock;
  readonly #followed = new Numbered<Followed>();
  readonly #listeners = new Set<Counting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Connections that are there now. */
  get size(): number {
    return this.#followed.size;
  }

  open(name: string, address: string): Listener {
    const listener = new Counting(name, address, this.#clock.monotonic());
    this.#listeners.add(listener);
    return {
      follow: (socket, from) => this.#follow(listener, socket, from),
      refused: () => {
        listener.refused += 1;
      },
      gaveWay: () => {
        listener.gaveWay += 1;
      },
      close: () => void this.#listeners.delete(listener),
    };
  }

  /** Every listener, in the order in which they opened. */
  listeners(): readonly ListenerFacts[] {
    const now = this.#clock.monotonic();
    const open = new Map<Counting, { received: number; sent: number }>();
    for (const { listener, socket } of this.#followed) {
      const sums = open.get(listener) ?? { received: 0, sent: 0 };
      sums.received += socket.bytesRead;
      sums.sent += socket.bytesWritten;
      open.set(listener, sums);
    }
    return [...this.#listeners].map((listener) => {
      const { name, address, active, total, refused, gaveWay, openedAt, received, sent } = listener;
      return {
        name,
        address,
        active,
        total,
        refused,
        gaveWay,
        uptimeMs: now - openedAt,
        bytesReceived: received + (open.get(listener)?.received ?? 0),
        bytesSent: sent + (open.get(listener)?.sent ?? 0),
      };
    });
  }

  /**
   * Some of the connections, in the order in which they came, and where to go on. They may come and go between two pages:
   * see {@link Numbered}. A page may be short or empty and yet not the last.
   */
  page(
    cursor: Cursor | undefined,
    most: number,
    listener?: string,
  ): { readonly rows: readonly ConnectionFacts[]; readonly next: Cursor | undefined } {
    const now = this.#clock.monotonic();
    const wanted = (followed: Followed) => listener === undefined || followed.listener.name === listener;
    const { items, next } = this.#followed.page(cursor ?? this.#followed.begin(), most, wanted);
    return { rows: items.map((followed) => factsOf(followed, now)), next };
  }

  #follow(listener: Counting, socket: Counted, address: string): Connection {
    const connection = { state: 'open', purpose: '' };
    const followed = { number: 0, listener, socket, address, openedAt: this.#clock.monotonic(), connection };
    followed.number = this.#followed.add(followed);
    listener.active += 1;
    listener.total += 1;
    socket.once('close', () => {
      if (!this.#followed.remove(followed.number)) return;
      listener.active -= 1;
      listener.received += socket.bytesRead;
      listener.sent += socket.bytesWritten;
    });
    return connection;
  }
}

interface Followed {
  readonly number: number;
  readonly listener: Counting;
  readonly socket: Counted;
  readonly address: string;
  readonly openedAt: number;
  readonly connection: Connection;
}

/** What a listener has counted; the bytes are those of connections that have closed. */
class Counting {
  readonly name: string;
  readonly address: string;
  readonly openedAt: number;
  active = 0;
  total = 0;
  refused = 0;
  gaveWay = 0;
  received = 0;
  sent = 0;

  constructor(name: string, address: string, openedAt: number) {
    this.name = name;
    this.address = address;
    this.openedAt = openedAt;
  }
}

function factsOf({ number, listener, socket, address, openedAt, connection }: Followed, now: number) {
  return {
    number,
    listener: listener.name,
    ...connection,
    address,
    ageMs: now - openedAt,
    bytesReceived: socket.bytesRead,
    bytesSent: socket.bytesWritten,
  };
}
