import type { PeerView } from '../p2p/peer-view.ts';
import type { Crypto } from '../policy/crypto.ts';
import type { Replica } from '../policy/replica.ts';
import { type CheckReport, checkStore } from '../store/check.ts';
import type { Database } from '../store/database.ts';
import { finishRepair, repairStore } from '../store/repair.ts';
import type { Store } from '../store/store.ts';
import { type CareReport, StoreCare } from './store-care.ts';

export interface StoreCareOptions {
  /** Open, in use by the agent meanwhile. */
  readonly database: Database;
  readonly replica: Pick<Replica, 'home' | 'size'>;
  readonly crypto: Crypto;
  readonly network: { peers(): readonly Pick<PeerView, 'state' | 'digestEqual'>[] };
  /** Ops are to be dropped: the agent has to begin anew, as after a lost store, once this was told. */
  readonly beginAnew: () => void;
}

/** The care of the store of a running agent, for as long as `life` lasts. */
export function careOf(options: StoreCareOptions, life: AbortSignal): StoreCare {
  const { database, replica, crypto, network, beginAnew } = options;
  // A router in step holds all that this one does.
  const heldElsewhere = () =>
    network.peers().some(({ state, digestEqual }) => state === 'alive' && digestEqual === true);
  return new StoreCare(async function* (task, signal) {
    const checking = { home: replica.home, crypto, signal, ops: replica.size };
    if (task === 'check') return careReport(yield* checkStore(database, checking), []);
    const report = yield* repairStore(database, { ...checking, heldElsewhere });
    if (report.beginAnew) beginAnew();
    return careReport(report, report.mended);
  }, life);
}

/**
 * Ends a repair that drops ops, when nobody writes any more: at once, because a start refuses files that are damaged, and with
 * what was dropped the files that held it go. Answers whether something was dropped: the next life waits for the others.
 */
export async function endRepair(store: Store, database: Database): Promise<boolean> {
  // Nothing may come to stand behind what is dropped.
  await store.durable();
  const dropped = await finishRepair(database);
  if (dropped) await database.compact?.();
  return dropped;
}

/** What people are told of a check, and of what was mended after it. */
export function careReport({ ok, counts, wrong }: CheckReport, mended: readonly string[]): CareReport {
  return { ok, counts, wrong, mended };
}
