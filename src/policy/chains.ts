import type { PeerKey } from './crypto.ts';
import type { Op } from './op.ts';
import type { Head, OpId, RunId } from './records.ts';

/** The heads of one actor, as replicas compare them. */
export interface ActorHeads {
  readonly peer: PeerKey;
  readonly run: RunId;
  readonly heads: readonly { readonly id: OpId; readonly seq: number }[];
}

/** Everything held of one actor: a chain, or a tree where a peer has forked itself. */
export interface Chain {
  readonly peer: PeerKey;
  readonly run: RunId;
  /** In order of admission: an op stands after the one before it. */
  readonly ops: Op[];
  /** The newest counted ops: one, or several after a fork. */
  readonly heads: Map<OpId, Op>;
}

/** All held ops, by id and by actor. Every op in it is connected by `prev` to its actor's first. */
export class Chains {
  readonly #ops = new Map<OpId, Op>();
  readonly #byPeer = new Map<PeerKey, Map<RunId, Chain>>();

  get size(): number {
    return this.#ops.size;
  }

  get(id: OpId): Op | undefined {
    return this.#ops.get(id);
  }

  all(): Iterable<Op> {
    return this.#ops.values();
  }

  peers(): Iterable<PeerKey> {
    return this.#byPeer.keys();
  }

  of(peer: PeerKey): Iterable<Chain> {
    return this.#byPeer.get(peer)?.values() ?? [];
  }

  actor(peer: PeerKey, run: RunId): Chain | undefined {
    return this.#byPeer.get(peer)?.get(run);
  }

  /** True when the op may follow what is held: its `prev` is held and is the same actor's op before it. */
  connects(op: Op): boolean {
    if (op.prev === undefined) return true;
    const prev = this.#ops.get(op.prev);
    return prev !== undefined && prev.peer === op.peer && prev.run === op.run && prev.seq === op.seq - 1;
  }

  add(op: Op): Chain {
    this.#ops.set(op.id, op);
    let runs = this.#byPeer.get(op.peer);
    if (runs === undefined) {
      runs = new Map();
      this.#byPeer.set(op.peer, runs);
    }
    let chain = runs.get(op.run);
    if (chain === undefined) {
      chain = { peer: op.peer, run: op.run, ops: [], heads: new Map() };
      runs.set(op.run, chain);
    }
    chain.ops.push(op);
    return chain;
  }

  /** The op and everything before it in its chain; empty when it is not held. */
  under(head: Head): Set<OpId> {
    return this.ancestors([head.id]);
  }

  /** The ops named and everything before them. */
  ancestors(ids: Iterable<OpId>): Set<OpId> {
    const found = new Set<OpId>();
    for (const id of ids) {
      let op = this.#ops.get(id);
      while (op !== undefined && !found.has(op.id)) {
        found.add(op.id);
        op = op.prev === undefined ? undefined : this.#ops.get(op.prev);
      }
    }
    return found;
  }
}

/**
 * The ops of a chain that another replica lacks, given its heads of the same actor. `ahead`: it has a head that we do
 * not hold and that lies beyond ours, so it may hold all of ours: ask again when its ops are here. A head that we do
 * not hold at or below ours proves a fork, which costs the whole chain once.
 */
export function lacking(
  chain: Chain,
  theirs: ActorHeads['heads'],
  chains: Chains,
): { ops: Op[]; ahead: boolean } {
  const wanted = chains.ancestors(chain.heads.keys());
  const ours = Math.max(0, ...[...chain.heads.values()].map((op) => op.seq));
  const known = theirs.filter((head) => chains.get(head.id) !== undefined);
  const unknown = theirs.filter((head) => chains.get(head.id) === undefined);
  if (unknown.some((head) => head.seq > ours)) return { ops: [], ahead: true };
  const has = unknown.length > 0 ? new Set<OpId>() : chains.ancestors(known.map((head) => head.id));
  return { ops: chain.ops.filter((op) => wanted.has(op.id) && !has.has(op.id)), ahead: false };
}
