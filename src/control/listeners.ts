/** What a connection of a listener is counted by; a node:net Socket is one, a TLS or WebSocket one stands on one. */
export interface Counted {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  once(event: 'close', run: () => void): unknown;
}

/** A connection that a listener has accepted, as long as it is there. The door keeps its words up to date. */
export interface Connection {
  /** In a word, as the door names its states: `login`, `idle`, `asking`, `following`, `slow` … */
  state: string;
  /** Who it is and what it is for, once that is known: `subscriber kitchen-tablet`, `GET /metrics` … */
  purpose: string;
  /** Tells it why it has to go, and ends it. The door sets it where its protocol has words for that. */
  dismiss?: ((why: string) => void) | undefined;
}

/** A socket of the agent that accepts connections, and what is counted of it. */
export interface Listener {
  /** Follows an accepted connection until it closes. `address`: where it comes from, for people. */
  follow(socket: Counted, address: string): Connection;
  /** A connection that was turned away: there were too many, or it may not. */
  refused(): void;
  /** A connection that was ended so that another one found a place. */
  gaveWay(): void;
  /** It accepts no more; what it counted goes with it. */
  close(): void;
}

/** Where every door tells of its listeners (seed 004, SNIProxy's statistics). */
export interface Listeners {
  /** @param name of the door: `control`, `http`, `mqtt` … @param address where it listens, for people. */
  open(name: string, address: string): Listener;
}
