import { createHash } from 'node:crypto';
import type { PeerKey } from '../../policy/crypto.ts';
import type { ActorHeads } from '../replicated.ts';
import { RUN_DIGEST_BYTES, RUN_GROUPS } from './sync-wire.ts';

/** A peer with fewer runs than this is told whole: its heads are no more than the digests of its groups. */
const MANY_RUNS = 32;
/** So many peers are narrowed at most, which keeps the message below the largest frame. */
const MAX_PEERS = 128;

/** Of each peer with many runs, the digests of its groups one behind the other. */
export type RunDigests = ReadonlyMap<PeerKey, Uint8Array>;

/**
 * Digests over the runs of peers that have many. A router begins a run with every start, thousands in its life: without these
 * one change of it would cost the heads of them all.
 */
export function runDigests(actors: readonly ActorHeads[]): RunDigests {
  const byPeer = Map.groupBy(actors, ({ peer }) => peer);
  const many = [...byPeer].filter(([, runs]) => runs.length >= MANY_RUNS).slice(0, MAX_PEERS);
  return new Map(many.map(([peer, runs]) => [peer, digestsOf(runs)]));
}

/** Whether both sides said the same of the group of an actor. */
export function sameRuns(ours: RunDigests, theirs: RunDigests): (actor: ActorHeads) => boolean {
  return ({ peer, run }) => {
    const [a, b] = [ours.get(peer), theirs.get(peer)];
    if (a === undefined || b === undefined) return false;
    const at = groupOf(run) * RUN_DIGEST_BYTES;
    const part = (of: Uint8Array) => Buffer.from(of.subarray(at, at + RUN_DIGEST_BYTES));
    return part(a).equals(part(b));
  };
}

/** SHA-256, cut short, over the group's actors in order of their runs, each as run and sorted heads in hex. */
function digestsOf(runs: readonly ActorHeads[]): Uint8Array {
  const groups = Map.groupBy(runs, ({ run }) => groupOf(run));
  const all = new Uint8Array(RUN_GROUPS * RUN_DIGEST_BYTES);
  for (const [group, members] of groups) {
    const hash = createHash('sha256');
    for (const { run, heads } of members.toSorted((x, y) => (x.run < y.run ? -1 : 1))) {
      const ids = heads.map(({ id }) => id).sort();
      hash.update(`${run} ${ids.join(' ')}\n`);
    }
    all.set(hash.digest().subarray(0, RUN_DIGEST_BYTES), group * RUN_DIGEST_BYTES);
  }
  return all;
}

function groupOf(run: string): number {
  return Number.parseInt(run.slice(0, 2), 16) >> 2;
}
