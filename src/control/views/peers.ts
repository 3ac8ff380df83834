import type { PeerState } from '../../p2p/peer-view.ts';
import type { Parts } from '../parts.ts';

/** One other router of the home. */
export interface PeerRow {
  readonly router: string;
  readonly peer: string;
  readonly state: PeerState;
  readonly sinceSeconds: number;
  readonly rttMs: number | undefined;
  readonly address: string | undefined;
  /** It holds the same changes as we do; undefined when it has not said. */
  readonly inStep: boolean | undefined;
  /** Its kernel holds what we hold. */
  readonly applied: boolean;
  readonly admin: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly toleranceSeconds: number;
  readonly lastError: string | undefined;
}

export function peersView(parts: Parts): PeerRow[] {
  const { replica, network, directory } = parts;
  return network.peers().map((view) => ({
    router: directory.routerName(view.peer),
    peer: view.peer,
    state: view.state,
    sinceSeconds: Math.round(view.sinceMs / 1000),
    rttMs: view.rttMs,
    address: view.address,
    inStep: view.digestEqual,
    applied: view.appliedDigest === replica.digest,
    admin: replica.member(view.peer)?.admin ?? false,
    bytesIn: view.bytesIn,
    bytesOut: view.bytesOut,
    toleranceSeconds: view.toleranceMs / 1000,
    lastError: view.lastError,
  }));
}
