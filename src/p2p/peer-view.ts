import type { PeerKey } from '../policy/crypto.ts';
import type { Enforcement } from './alive/enforcement.ts';
import type { Flooding } from './floods.ts';
import type { LinkReason } from './links/link-choice.ts';

/**
 * Alive: heard directly within half of our tolerance for it. Suspect: silent for longer, or its connection closed and the
 * redial was refused; also one that only others hear. Down: the tolerance is over and no other member hears it. Pruned:
 * down for the grace time. Left: it said so. Unknown: nobody spoke of it since this agent started, or since link choice let
 * it go.
 */
export type PeerState = 'alive' | 'suspect' | 'down' | 'pruned' | 'left' | 'unknown';

/** The connection with a peer, which is another matter than the peer. */
export interface LinkView {
  readonly state: 'up' | 'down';
  /** For how long it has been in this state, milliseconds. */
  readonly sinceMs: number;
  /** Why there is one, or none. */
  readonly reason: LinkReason;
  /** Why the last one was closed, in words; undefined before the first was. */
  readonly closed: string | undefined;
}

/** What a person is shown of a peer. */
export interface PeerView {
  readonly peer: PeerKey;
  readonly state: PeerState;
  /** For how long it has been in this state, milliseconds. */
  readonly sinceMs: number;
  /** Who hears it while we do not. */
  readonly heardBy: PeerKey | undefined;
  /** Since its last sign of life, heard here or told by others, milliseconds; undefined before the first. */
  readonly heardAgoMs: number | undefined;
  /** Round trip of the last keep-alive, milliseconds. */
  readonly rttMs: number | undefined;
  /** Where the connection stands, or the last address that worked. */
  readonly address: string | undefined;
  readonly connections: number;
  readonly link: LinkView;
  /** Its last word about its replica equals ours; undefined when it has not said. */
  readonly digestEqual: boolean | undefined;
  /** Ops that it holds, by its last keep-alive; undefined when it has not said. */
  readonly changes: number | undefined;
  /** Whether it blocks what is decided, by its last keep-alive; undefined when it has not said. */
  readonly enforcement?: Enforcement | undefined;
  /** The digest that its kernel was last made equal to; '' when it has not said. */
  readonly appliedDigest: string;
  /** The member that told so in its place; undefined when it said so itself. */
  readonly appliedVia: PeerKey | undefined;
  /** Bytes on the wire since this agent started, all connections. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How long we wait for it, milliseconds. */
  readonly toleranceMs: number;
  /** It cannot send as often as we ask: we wait four of its shortest intervals. */
  readonly stretched: boolean;
  /** How long it waits for us, milliseconds; undefined when it has not said. */
  readonly theirToleranceMs: number | undefined;
  readonly lastError: string | undefined;
  /** So far its wall clock is ahead of ours, milliseconds, and whether it trusts it; undefined until it has said. */
  readonly clockOffsetMs: number | undefined;
  readonly clockTrusted: boolean | undefined;
  /** It makes us verify more than its share; undefined when it does not. */
  readonly flooding: Flooding | undefined;
}
