import type { PeerKey } from '../policy/crypto.ts';
import type { Flooding } from './floods.ts';

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
  /** So far its wall clock is ahead of ours, milliseconds, and whether it trusts it; undefined until it has said. */
  readonly clockOffsetMs: number | undefined;
  readonly clockTrusted: boolean | undefined;
  /** It makes us verify more than its share; undefined when it does not. */
  readonly flooding: Flooding | undefined;
}
