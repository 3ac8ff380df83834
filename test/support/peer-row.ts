import type { PeerRow } from '../../src/control/views/peers.ts';

/** Another router as the view `peers` shows it when all is well, and what a test says otherwise. */
export function peerRow(router: string, changes: Partial<PeerRow> = {}): PeerRow {
  return {
    router,
    peer: 'ab'.repeat(32),
    state: 'alive',
    sinceSeconds: 3_000,
    heardBy: undefined,
    heardSecondsAgo: 0,
    absent: false,
    rttMs: 1.24,
    address: '/ip4/192.0.2.7/tcp/4411',
    inStep: true,
    changesBehind: 0,
    enforcement: { state: 'enforces', secondsLeft: undefined },
    applied: true,
    appliedVia: undefined,
    admin: true,
    bytesIn: 1_234_567,
    bytesOut: 321,
    toleranceSeconds: 6,
    stretched: false,
    theirToleranceSeconds: 240,
    clock: { trusted: true, aheadSeconds: 0.3 },
    link: { state: 'up', sinceSeconds: 3_000, reason: 'all', closed: undefined },
    flooding: undefined,
    lastError: undefined,
    ...changes,
  };
}
