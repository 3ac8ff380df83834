import type { PeerKey } from './crypto.ts';
import type { OpId, RunId } from './records.ts';

/** The heads of one actor, as replicas compare them. */
export interface ActorHeads {
  readonly peer: PeerKey;
  readonly run: RunId;
  readonly heads: readonly { readonly id: OpId; readonly seq: number }[];
}

/** Who wrote a chain. */
export interface Actor {
  readonly peer: PeerKey;
  readonly run: RunId;
}

/** Everything held of one actor: a chain, or a tree where a peer has forked itself. Ops are named by their numbers. */
export interface Chain extends Actor {
  /** The op that was admitted last. */
  newest: number;
  /** The newest counted ops, ascending: one, several after a fork, none when nothing of it counts. */
  heads: Set<number>;
}

/** The chains of all actors, each peer's in order of their first op here. */
export class Chains {
  readonly #all: Chain[] = [];
  readonly #byPeer = new Map<PeerKey, Map<RunId, number>>();

  /** The number of an actor's chain, which begins here when it is new. */
  open(actor: Actor): number {
    let runs = this.#byPeer.get(actor.peer);
    if (runs === undefined) {
      runs = new Map();
      this.#byPeer.set(actor.peer, runs);
    }
    const known = runs.get(actor.run);
    if (known !== undefined) return known;
    runs.set(actor.run, this.#all.length);
    return this.#all.push({ peer: actor.peer, run: actor.run, newest: -1, heads: new Set() }) - 1;
  }

  /** A chain by the number that `open()` gave. */
  at(number: number): Chain {
    const chain = this.#all[number];
    if (chain === undefined) throw new RangeError(`no chain ${number}`);
    return chain;
  }

  all(): readonly Chain[] {
    return this.#all;
  }

  peers(): Iterable<PeerKey> {
    return this.#byPeer.keys();
  }

  *of(peer: PeerKey): Iterable<Chain> {
    for (const number of this.#byPeer.get(peer)?.values() ?? []) yield this.at(number);
  }

  countOf(peer: PeerKey): number {
    return this.#byPeer.get(peer)?.size ?? 0;
  }

  actor(peer: PeerKey, run: RunId): Chain | undefined {
    const number = this.#byPeer.get(peer)?.get(run);
    return number === undefined ? undefined : this.at(number);
  }
}
