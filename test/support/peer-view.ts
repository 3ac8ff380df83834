import type { PeerView } from '../../src/p2p/peer-view.ts';
import type { PeerKey } from '../../src/policy/crypto.ts';

/** Another router of which all is well, and what a test says otherwise. */
export function peerView(peer: PeerKey, changes: Partial<PeerView> = {}): PeerView {
  return {
    peer,
    state: 'alive',
    sinceMs: 300_000,
    heardBy: undefined,
    heardAgoMs: 200,
    rttMs: 1.25,
    address: '/ip4/192.0.2.7/tcp/4411',
    connections: 1,
    digestEqual: true,
    changes: undefined,
    appliedDigest: '',
    appliedVia: undefined,
    bytesIn: 1,
    bytesOut: 2,
    toleranceMs: 6_000,
    theirToleranceMs: 10_000,
    stretched: false,
    lastError: undefined,
    clockOffsetMs: 12,
    clockTrusted: true,
    flooding: undefined,
    link: { state: 'up', sinceMs: 300_000, reason: 'all', closed: undefined },
    ...changes,
  };
}
