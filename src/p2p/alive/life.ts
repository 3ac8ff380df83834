import type { PeerKey } from '../../policy/crypto.ts';
import type { PeerState } from '../peer-view.ts';

/** What a tick came to. */
export interface Ticked {
  /** Suspect from now on because of their silence: a second connection is worth a try, and everybody is asked. */
  readonly suspect: PeerKey[];
  readonly down: PeerKey[];
  readonly pruned: PeerKey[];
  /** Silent for longer than the tolerance: their connections are to be closed, whatever others say. Told once a silence. */
  readonly silent: PeerKey[];
  /** For how long the machine was suspended since the last tick, milliseconds: nobody is down before a tolerance has passed. */
  readonly suspendedMs: number;
}

/** What is known of one peer's life. */
export interface LifeView {
  readonly state: PeerState;
  /** For how long it has been in this state, milliseconds. */
  readonly sinceMs: number;
  /** How long we wait for it, milliseconds; `stretched`: four of its shortest intervals, which is more than we asked for. */
  readonly toleranceMs: number;
  readonly stretched: boolean;
  /** How long it waits for us; undefined when it has not said. */
  readonly theirToleranceMs: number | undefined;
  /** The member that heard it last, of a suspect. */
  readonly heardBy: PeerKey | undefined;
  /** Since its last sign of life, heard by us or told, milliseconds. */
  readonly heardAgoMs: number | undefined;
}

/** The record of one peer. */
export interface Life {
  state: PeerState;
  /** Monotonic time at which the state began, and the same on the awake clock. */
  since: number;
  awakeSince: number;
  /** Awake and real time of the last sign of life that we heard; none of one that only others hear. */
  heard: number;
  heardReal: number | undefined;
  /** Not down before a tolerance has passed since this, awake time: it was told of when it was down or unknown. */
  grace: number;
  /** Its connections were closed and none opened since. */
  lost: boolean;
  /** Its silence was told. */
  silent: boolean;
  /** Link choice let it go: that it is silent means nothing. */
  released: boolean;
}

/** One of whom nothing is known, since the monotonic time `began`. */
export function newLife(began: number): Life {
  return {
    state: 'unknown',
    since: began,
    awakeSince: 0,
    heard: Number.NEGATIVE_INFINITY,
    heardReal: undefined,
    grace: Number.NEGATIVE_INFINITY,
    lost: false,
    silent: false,
    released: false,
  };
}
