import { UsageError } from '../../errors.ts';
import type { PeerView } from '../../p2p/peer-view.ts';
import type { SessionResult } from '../../p2p/sync-session.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Parts } from '../parts.ts';
import { routerNamed } from '../router-named.ts';

/** What an exchange with another router came to. */
export interface ExchangeView {
  /** equal: nothing differed. done: what differed was exchanged. failed: `reason` tells. running: it goes on. */
  readonly outcome: SessionResult['outcome'] | 'running';
  readonly reason: string | undefined;
  readonly secondsAgo: number;
  /** Changes that this router lacked, and those that the other one did. */
  readonly behind: number;
  readonly ahead: number;
  /** What was told of nodes and routers, both ways. */
  readonly registersIn: number;
  readonly registersOut: number;
}

/** How this router and another one differ. */
export interface SyncRow {
  readonly router: string;
  readonly peer: PeerKey;
  readonly state: PeerView['state'];
  /** Both hold the same changes; undefined while the other has not said. */
  readonly inStep: boolean | undefined;
  /** Changes held here, and those that the other one held when the two last talked. */
  readonly changesHere: number;
  readonly changesThere: number | undefined;
  /** The newest exchange since the agent started; with `force` the one that was asked for. */
  readonly exchange: ExchangeView | undefined;
}

/** The answer waits so long for the exchanges, milliseconds; what takes longer goes on. */
const WAIT_MS = 60_000;

/** What differs from each router, or from one; `force` exchanges now. UsageError when there is no such router. */
export async function sync(
  parts: Parts,
  request: { with?: string | undefined; force: boolean },
): Promise<SyncRow[]> {
  const { network, directory, key } = parts;
  const wanted = request.with === undefined ? undefined : routerNamed(directory.routers(), request.with);
  if (wanted === key.peer) throw new UsageError('this router is in step with itself');
  const peers = network.peers().filter(({ peer }) => wanted === undefined || peer === wanted);
  const waits = new Map<PeerKey, ExchangeView>();
  if (request.force) {
    await Promise.all(
      peers.map(async ({ peer, connections }) => {
        const exchange = connections > 0 ? await exchangeNow(parts, peer) : away;
        waits.set(peer, exchange);
      }),
    );
  }
  const now = new Map(network.peers().map((view) => [view.peer, view]));
  return peers.map((before) => rowOf(parts, now.get(before.peer) ?? before, waits.get(before.peer)));
}

const NOTHING = { secondsAgo: 0, behind: 0, ahead: 0, registersIn: 0, registersOut: 0 };
const away: ExchangeView = { ...NOTHING, outcome: 'failed', reason: 'it cannot be reached' };

async function exchangeNow({ network, clock }: Parts, peer: PeerKey): Promise<ExchangeView> {
  const late = Promise.withResolvers<'late'>();
  const timer = clock.after(WAIT_MS, () => late.resolve('late'));
  try {
    const result = await Promise.race([network.exchanges.now(peer), late.promise]);
    if (result === 'late') return { ...NOTHING, outcome: 'running', reason: undefined };
    return result === undefined ? { ...away, reason: 'no exchange could be begun' } : viewOf(result, 0);
  } finally {
    timer.clear();
  }
}

function rowOf(parts: Parts, view: PeerView, forced: ExchangeView | undefined): SyncRow {
  const { network, directory, replica, clock } = parts;
  const last = network.exchanges.last(view.peer);
  const ago = last === undefined ? 0 : Math.round((clock.monotonic() - last.at) / 1_000);
  // Two digests that are equal say it of every change; an exchange that went well says it of that moment.
  const agreed = forced?.outcome === 'equal' || forced?.outcome === 'done';
  return {
    router: directory.routerName(view.peer),
    peer: view.peer,
    state: view.state,
    inStep: agreed ? true : view.digestEqual,
    changesHere: replica.size,
    changesThere: view.digestEqual === true || agreed ? replica.size : last?.theirOps,
    exchange: forced ?? (last === undefined ? undefined : viewOf(last, ago)),
  };
}

function viewOf(result: SessionResult, secondsAgo: number): ExchangeView {
  const { outcome, reason, opsIn, opsOut, registersIn, registersOut } = result;
  return { outcome, reason, secondsAgo, behind: opsIn, ahead: opsOut, registersIn, registersOut };
}
