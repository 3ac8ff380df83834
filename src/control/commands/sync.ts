import { UsageError } from '../../errors.ts';
import type { PeerView } from '../../p2p/peer-view.ts';
import type { Difference } from '../../p2p/sync/sync-compare.ts';
import type { SessionResult } from '../../p2p/sync/sync-session.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Parts } from '../parts.ts';
import { routerNamed } from '../router-named.ts';

/** What one author wrote or said that one of two routers lacks. */
export interface DifferenceView {
  readonly author: string;
  readonly peer: PeerKey;
  /** Changes that this router lacks, and those that the other one does. */
  readonly behind: number;
  readonly ahead: number;
  /** Where what it says of nodes is newer. */
  readonly registers: 'here' | 'there' | undefined;
}

/** What an exchange with another router came to. */
export interface ExchangeView {
  /**
   * equal: nothing differed. done: what differed was exchanged. compared: it was only looked at. failed: `reason` tells.
   * running: it goes on.
   */
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
  /** Changes held here, and those that the other one held when it last said so. */
  readonly changesHere: number;
  readonly changesThere: number | undefined;
  /** The newest exchange since the agent started; with `force` the one that was asked for. */
  readonly exchange: ExchangeView | undefined;
  /** With `compare`: author by author, nothing when nothing differs. undefined: it was not, or could not be compared. */
  readonly difference: readonly DifferenceView[] | undefined;
}

/** What a session that was asked for came to. */
interface Come {
  readonly view: ExchangeView;
  readonly difference: readonly Difference[] | undefined;
}

const NONE: ReadonlyMap<PeerKey, Come> = new Map();

/** The answer waits so long for the exchanges, milliseconds; what takes longer goes on. */
const WAIT_MS = 60_000;

/**
 * What differs from each router, or from one. `compare` asks each what it holds and brings nothing over, `force` exchanges
 * now; with both it is compared first. UsageError when there is no such router.
 */
export async function sync(
  parts: Parts,
  request: { with?: string | undefined; force: boolean; compare?: boolean | undefined },
): Promise<SyncRow[]> {
  const { network, directory, key } = parts;
  const wanted = request.with === undefined ? undefined : routerNamed(directory.routers(), request.with);
  if (wanted === key.peer) throw new UsageError('this router is in step with itself');
  const peers = network.peers().filter(({ peer }) => wanted === undefined || peer === wanted);
  const compared =
    request.compare === true ? await withEach(peers, (peer) => now(parts, peer, 'compare')) : NONE;
  const forced = request.force ? await withEach(peers, (peer) => now(parts, peer, 'exchange')) : NONE;
  const views = new Map(network.peers().map((view) => [view.peer, view]));
  return peers.map((before) => {
    const { peer } = before;
    return rowOf(parts, views.get(peer) ?? before, compared.get(peer), forced.get(peer));
  });
}

/** What `run` comes to with each router, all at once; those that are not connected cannot be reached. */
async function withEach(
  peers: readonly PeerView[],
  run: (peer: PeerKey) => Promise<Come>,
): Promise<Map<PeerKey, Come>> {
  const come = new Map<PeerKey, Come>();
  await Promise.all(
    peers.map(async ({ peer, connections }) => {
      come.set(peer, connections > 0 ? await run(peer) : { view: away, difference: undefined });
    }),
  );
  return come;
}

const NOTHING = { secondsAgo: 0, behind: 0, ahead: 0, registersIn: 0, registersOut: 0 };
const away: ExchangeView = { ...NOTHING, outcome: 'failed', reason: 'it cannot be reached' };

async function now({ network, clock }: Parts, peer: PeerKey, what: 'exchange' | 'compare'): Promise<Come> {
  const late = Promise.withResolvers<'late'>();
  const timer = clock.after(WAIT_MS, () => late.resolve('late'));
  try {
    const result = await Promise.race([network.exchanges.now(peer, what), late.promise]);
    const difference = undefined;
    if (result === 'late') return { view: { ...NOTHING, outcome: 'running', reason: undefined }, difference };
    if (result === undefined) return { view: { ...away, reason: 'no exchange could be begun' }, difference };
    return {
      view: viewOf(result, 0),
      difference: result.outcome === 'failed' ? undefined : result.difference,
    };
  } finally {
    timer.clear();
  }
}

function rowOf(parts: Parts, view: PeerView, compared: Come | undefined, forced: Come | undefined): SyncRow {
  const { network, directory, replica, clock } = parts;
  const last = network.exchanges.last(view.peer);
  const ago = last === undefined ? 0 : Math.round((clock.monotonic() - last.at) / 1_000);
  // Two digests that are equal say it of every change; an exchange that went well says it of that moment.
  const outcome = (forced ?? compared)?.view.outcome;
  const agreed = outcome === 'equal' || outcome === 'done';
  return {
    router: directory.routerName(view.peer),
    peer: view.peer,
    state: view.state,
    inStep: agreed ? true : outcome === 'compared' ? false : view.digestEqual,
    changesHere: replica.size,
    changesThere: view.digestEqual === true || agreed ? replica.size : (view.changes ?? last?.theirOps),
    exchange: (forced ?? compared)?.view ?? (last === undefined ? undefined : viewOf(last, ago)),
    difference: compared?.difference?.map((one) => differenceOf(parts, one)),
  };
}

function differenceOf(
  { directory }: Parts,
  { author, behind, ahead, registers }: Difference,
): DifferenceView {
  const newer = registers === undefined ? undefined : registers === 'behind' ? 'there' : 'here';
  return { author: directory.routerName(author), peer: author, behind, ahead, registers: newer };
}

function viewOf(result: SessionResult, secondsAgo: number): ExchangeView {
  const { outcome, reason, opsIn, opsOut, registersIn, registersOut } = result;
  return { outcome, reason, secondsAgo, behind: opsIn, ahead: opsOut, registersIn, registersOut };
}
