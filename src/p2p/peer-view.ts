import type { PeerKey } from '../policy/crypto.ts';

/** Alive: heard of within the tolerance. Down: not. Unknown: not heard of since this agent started. */
export type PeerState = 'alive' | 'down' | 'unknown';

/** What a person is shown of a peer. */
export interface PeerView {
  readonly peer: PeerKey;
  readonly state: PeerState;
  /** For how long it has been in this state, milliseconds. */
  readonly sinceMs: number;
  /** Round trip of the last keep-alive, milliseconds. */
  readonly rttMs: number | undefined;
  /** Where the connection stands, or the last address that worked. */
  readonly address: string | undefined;
  readonly connections: number;
  /** Its last word about its replica equals ours; undefined when it has not said. */
  readonly digestEqual: boolean | undefined;
  /** The digest that its kernel was last made equal to; '' when it has not said. */
  readonly appliedDigest: string;
  /** Bytes on the wire since this agent started, all connections. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How long we wait for it, and it for us, milliseconds. */
  readonly toleranceMs: number;
  readonly theirToleranceMs: number | undefined;
  readonly lastError: string | undefined;
}

/** Counters since the start, by constant name (`gossip.accepted`, `sync.failed`, `refused.stranger` …). */
export type NetworkStats = Readonly<Record<string, number>>;

/** A set of counters under constant names; nothing a peer sends becomes a name. */
export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  snapshot(): NetworkStats {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
