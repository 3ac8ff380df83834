import type { Genesis } from '../../src/policy/genesis.ts';
import { homeIdOf } from '../../src/policy/genesis.ts';
import { decodeOp, type Op } from '../../src/policy/op.ts';
import { crypto, type SyncSide } from './household.ts';

/** Ways to get it wrong; each must be caught by a law (policy.md, "Laws"). */
export interface Mutations {
  /** A version vector instead of heads. */
  highestSeqVector?: boolean;
  /** An op of somebody who is no member is stored and counts. */
  strangersStored?: boolean;
  /** Of two ops with one predecessor only the one with the lower hash counts. */
  lowerHashWins?: boolean;
}

/**
 * The policy's text written down a second time, as naively as possible: a set of ops, everything folded anew at each
 * question. The oracle for the real replica; with a mutation it is the wrong program that the laws have to catch.
 * Evictions are left to the tests of membership.
 */
export class ModelReplica implements SyncSide {
  readonly #home: string;
  readonly #genesis: Genesis;
  readonly #mutations: Mutations;
  readonly #ops = new Map<string, Op>();

  constructor(genesis: Genesis, mutations: Mutations = {}) {
    this.#genesis = genesis;
    this.#home = homeIdOf(genesis, crypto);
    this.#mutations = mutations;
  }

  admit(envelope: Uint8Array): { verdict: string } {
    const decoded = decodeOp(envelope, this.#home, crypto);
    if (!decoded.ok) return { verdict: 'rubbish' };
    const { op } = decoded;
    if (this.#ops.has(op.id)) return { verdict: 'held' };
    if (!this.#members().has(op.peer) && this.#mutations.strangersStored !== true)
      return { verdict: 'stranger' };
    if (op.prev !== undefined && !this.#ops.has(op.prev)) return { verdict: 'gap' };
    this.#ops.set(op.id, op);
    return { verdict: 'ok' };
  }

  counted(): Op[] {
    const members = this.#members();
    return [...this.#ops.values()].filter((op) => {
      if (!members.has(op.peer) && this.#mutations.strangersStored !== true) return false;
      return this.#mutations.lowerHashWins !== true || this.#chosen(op);
    });
  }

  liveIds(): string[] {
    const counted = this.counted();
    const retired = new Set(counted.flatMap((op) => op.over));
    return counted
      .flatMap((op) => op.add.map((_, index) => `${op.id}/${index}`))
      .filter((id) => !retired.has(id))
      .sort();
  }

  get digest(): string {
    return JSON.stringify([...this.peerDigests()].sort());
  }

  peerDigests(): ReadonlyMap<string, string> {
    const peers = new Set(this.counted().map((op) => op.peer));
    return new Map([...peers].map((peer) => [peer, JSON.stringify(this.heads([peer]))]));
  }

  heads(peers: Iterable<string>): { peer: string; run: string; heads: { id: string; seq: number }[] }[] {
    const counted = this.counted();
    const actors = new Map<string, { peer: string; run: string; heads: { id: string; seq: number }[] }>();
    const wanted = new Set(peers);
    const followed = new Set(counted.map((op) => op.prev));
    for (const op of counted) {
      if (!wanted.has(op.peer) || followed.has(op.id)) continue;
      const actor = actors.get(op.peer + op.run) ?? { peer: op.peer, run: op.run, heads: [] };
      actors.set(op.peer + op.run, actor);
      actor.heads.push({ id: op.id, seq: op.seq });
    }
    for (const actor of actors.values()) {
      actor.heads.sort((x, y) => (x.id < y.id ? -1 : 1));
      if (this.#mutations.highestSeqVector === true) {
        actor.heads = [{ id: '', seq: Math.max(...actor.heads.map((head) => head.seq)) }];
      }
    }
    return [...actors.values()].sort((x, y) => (x.peer + x.run < y.peer + y.run ? -1 : 1));
  }

  missing(
    theirs: ReturnType<ModelReplica['heads']>,
    peers: Iterable<string>,
  ): { send: string[]; deferred: string[] } {
    const wanted = new Set(peers);
    const has = new Set<string>();
    if (this.#mutations.highestSeqVector === true) {
      for (const op of this.#ops.values()) {
        const actor = theirs.find((one) => one.peer === op.peer && one.run === op.run);
        if (op.seq <= (actor?.heads[0]?.seq ?? 0)) has.add(op.id);
      }
    } else {
      for (const { heads } of theirs) {
        for (const { id } of heads) {
          for (let op = this.#ops.get(id); op !== undefined; op = this.#ops.get(op.prev ?? ''))
            has.add(op.id);
        }
      }
    }
    const members = [...this.#members().keys()];
    const lacking = this.counted().filter((op) => wanted.has(op.peer) && !has.has(op.id));
    lacking.sort((x, y) => members.indexOf(x.peer) - members.indexOf(y.peer) || x.seq - y.seq);
    return { send: lacking.map((op) => op.id), deferred: [] };
  }

  envelope(id: string): Uint8Array | undefined {
    return this.#ops.get(id)?.envelope;
  }

  /** Members in the order in which they can be admitted, without evictions. */
  #members(): Map<string, true> {
    const members = new Map<string, true>([
      [this.#genesis.recovery, true],
      [this.#genesis.founder, true],
    ]);
    for (let size = 0; size !== members.size; ) {
      size = members.size;
      for (const op of this.#ops.values()) {
        if (!members.has(op.peer)) continue;
        for (const record of op.add) if (record.kind === 'admit') members.set(record.peer, true);
      }
    }
    return members;
  }

  /** Mutation: neither the op nor one before it loses against a fork with a lower hash. */
  #chosen(op: Op): boolean {
    for (const other of this.#ops.values()) {
      const rival =
        other.peer === op.peer && other.run === op.run && other.seq === op.seq && other.prev === op.prev;
      if (rival && other.id < op.id) return false;
    }
    const prev = op.prev === undefined ? undefined : this.#ops.get(op.prev);
    return prev === undefined || this.#chosen(prev);
  }
}
