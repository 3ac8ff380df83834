import type { Enforcement } from '../../p2p/alive/enforcement.ts';
import type { PeerState, PeerView } from '../../p2p/peer-view.ts';
import type { Parts } from '../parts.ts';

/** One other router of the home. */
export interface PeerRow {
  readonly router: string;
  readonly peer: string;
  readonly state: PeerState;
  readonly sinceSeconds: number;
  /** The router that hears it while this one does not. */
  readonly heardBy: string | undefined;
  /** Since its last sign of life here; undefined when there was none since the agent started. */
  readonly heardSecondsAgo: number | undefined;
  /** Not heard of for so long that it is not reckoned with (p2p.absentDays). */
  readonly absent: boolean;
  readonly rttMs: number | undefined;
  readonly address: string | undefined;
  /** It holds the same changes as we do; undefined when it has not said. */
  readonly inStep: boolean | undefined;
  /** Changes held here minus those held there: above 0 it lacks some, below 0 we do; undefined when it has not said. */
  readonly changesBehind: number | undefined;
  /** Whether it blocks what is decided; undefined when it has not said. */
  readonly enforcement: Enforcement | undefined;
  /** Its kernel holds what we hold. */
  readonly applied: boolean;
  /** The router that told so in its place. */
  readonly appliedVia: string | undefined;
  readonly admin: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How long we wait for it; when it is `stretched`, longer than we wished, because it cannot send as often. */
  readonly toleranceSeconds: number;
  readonly stretched: boolean;
  /** How long it waits for us; undefined when it has not said. */
  readonly theirToleranceSeconds: number | undefined;
  readonly clock: {
    /** Whether it trusts its own clock; undefined when it has not said. */
    readonly trusted: boolean | undefined;
    /** So far its clock is ahead of ours; undefined when it has not said. */
    readonly aheadSeconds: number | undefined;
  };
  readonly link: LinkRow;
  /** It makes this router verify more than its share: for how long, and how many changes above it. */
  readonly flooding: PeerView['flooding'];
  readonly lastError: string | undefined;
}

/** Why a connection is kept and dialled, or why not. */
export type LinkReason = PeerView['link']['reason'];

/** The connection with a router, apart from the router itself. */
export interface LinkRow {
  readonly state: 'up' | 'down';
  readonly sinceSeconds: number;
  readonly reason: LinkReason;
  /** Why the one before it was closed, in words. */
  readonly closed: string | undefined;
}

export function peersView(parts: Parts): PeerRow[] {
  return parts.network.peers().map((view) => rowOf(parts, view));
}

function rowOf({ replica, directory, absent }: Parts, view: PeerView): PeerRow {
  const nameOf = (peer: string | undefined) => (peer === undefined ? undefined : directory.routerName(peer));
  const { link } = view;
  return {
    router: directory.routerName(view.peer),
    peer: view.peer,
    state: view.state,
    sinceSeconds: seconds(view.sinceMs),
    heardBy: nameOf(view.heardBy),
    heardSecondsAgo: view.heardAgoMs === undefined ? undefined : seconds(view.heardAgoMs),
    absent: absent?.(view.peer) ?? false,
    rttMs: view.rttMs,
    address: view.address,
    inStep: view.digestEqual,
    changesBehind: behind(view, replica.size),
    enforcement: view.enforcement,
    applied: view.appliedDigest === replica.digest,
    appliedVia: nameOf(view.appliedVia),
    admin: replica.member(view.peer)?.admin ?? false,
    bytesIn: view.bytesIn,
    bytesOut: view.bytesOut,
    toleranceSeconds: view.toleranceMs / 1000,
    stretched: view.stretched,
    theirToleranceSeconds: view.theirToleranceMs === undefined ? undefined : view.theirToleranceMs / 1000,
    clock: {
      trusted: view.clockTrusted,
      aheadSeconds: view.clockOffsetMs === undefined ? undefined : Math.round(view.clockOffsetMs) / 1000,
    },
    link: {
      state: link.state,
      sinceSeconds: seconds(link.sinceMs),
      reason: link.reason,
      closed: link.closed,
    },
    flooding: view.flooding,
    lastError: view.lastError,
  };
}

/** Of two that differ by digest alone the number says nothing: both may lack as many. */
function behind({ digestEqual, changes }: PeerView, ours: number): number | undefined {
  if (digestEqual === true) return 0;
  return changes === undefined ? undefined : ours - changes;
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
