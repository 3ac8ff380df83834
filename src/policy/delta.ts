import type { ActorHeads, Chain } from './chains.ts';
import type { PeerKey } from './crypto.ts';
import { type Ledger, NOT_HELD } from './ledger.ts';
import type { OpId } from './records.ts';

/** Whose history an op was reached from. */
const OURS = 1;
const THEIRS = 2;

/** The heads of what counts of these peers, actor by actor. */
export function headsOf(ledger: Ledger, peers: Iterable<PeerKey>): ActorHeads[] {
  const all: ActorHeads[] = [];
  for (const peer of peers) {
    for (const chain of ledger.chains.of(peer)) {
      const heads = [...chain.heads].map((n) => ({ id: ledger.idOf(n), seq: ledger.seqOf(n) }));
      if (heads.length > 0) all.push({ peer, run: chain.run, heads });
    }
  }
  return all;
}

/** What of these peers' ops a replica with these heads lacks, peer by peer; see the replica's `missing`. */
export function missing(
  ledger: Ledger,
  theirs: readonly ActorHeads[],
  peers: Iterable<PeerKey>,
): { send: OpId[]; deferred: PeerKey[] } {
  const heads = new Map(theirs.map((actor) => [actor.peer + actor.run, actor.heads]));
  const send: OpId[] = [];
  const deferred = new Set<PeerKey>();
  for (const peer of peers) {
    for (const chain of ledger.chains.of(peer)) {
      const { ops, ahead } = lacking(ledger, chain, heads.get(peer + chain.run) ?? []);
      for (const n of ops) send.push(ledger.idOf(n));
      if (ahead) deferred.add(peer);
    }
  }
  return { send, deferred: [...deferred] };
}

/**
 * The ops of a chain that another replica lacks, given its heads of the same actor. `ahead`: it has a head that we do
 * not hold and that lies beyond ours, so it may hold all of ours: ask again when its ops are here. A head that we do
 * not hold at or below ours proves a fork, which costs the whole chain once.
 */
function lacking(
  ledger: Ledger,
  chain: Chain,
  theirs: ActorHeads['heads'],
): { ops: number[]; ahead: boolean } {
  const known: number[] = [];
  const unknown: number[] = [];
  for (const { id, seq } of theirs) {
    const n = ledger.find(id);
    if (n === NOT_HELD) unknown.push(seq);
    else if (ledger.chainOf(n) === chain) known.push(n);
  }
  let newest = 0;
  for (const head of chain.heads) newest = Math.max(newest, ledger.seqOf(head));
  if (unknown.some((seq) => seq > newest)) return { ops: [], ahead: true };
  return { ops: difference(ledger, chain.heads, unknown.length > 0 ? [] : known), ahead: false };
}

/**
 * The ops at or before `ours` that are not at or before `theirs`, ascending: each after the one before it. Walks back from
 * both, greatest number first, until nothing is left that is ours alone, as `git rev-list ours ^theirs` does; so it costs
 * what differs and not what is there.
 */
function difference(ledger: Ledger, ours: Iterable<number>, theirs: Iterable<number>): number[] {
  const reached = new Map<number, number>();
  const frontier: number[] = [];
  let alone = 0;
  const reach = (n: number, from: number): void => {
    const before = reached.get(n) ?? 0;
    const after = before | from;
    if (before === 0) insert(frontier, n);
    reached.set(n, after);
    alone += (after === OURS ? 1 : 0) - (before === OURS ? 1 : 0);
  };
  for (const n of ours) reach(n, OURS);
  for (const n of theirs) reach(n, THEIRS);
  const found: number[] = [];
  while (alone > 0) {
    const n = frontier.pop() as number;
    const from = reached.get(n) ?? 0;
    reached.delete(n);
    if (from === OURS) {
      found.push(n);
      alone -= 1;
    }
    const parent = ledger.parentOf(n);
    if (parent !== NOT_HELD) reach(parent, from);
  }
  return found.reverse();
}

/** Puts a number into an ascending list; its place is mostly at the end. */
function insert(list: number[], n: number): void {
  let at = list.length;
  while (at > 0 && (list[at - 1] as number) > n) at -= 1;
  list.splice(at, 0, n);
}
