import type { RecordId } from './block-set.ts';
import { type ActorHeads, type Chain, Chains, lacking } from './chains.ts';
import { type Crypto, fromHex, type PeerKey, toHex } from './crypto.ts';
import { type Genesis, homeIdOf } from './genesis.ts';
import type { HomeId } from './identity.ts';
import { bySeniority, foldMembership, type Member, type Membership, sameMembership } from './membership.ts';
import { type Decoded, type Draft, decodeOp, decodeStoredOp, encodeOp, type Op } from './op.ts';
import type { OpId, Record, RunId } from './records.ts';

/** A record that holds: added by a counted op, retired by none. */
export interface Live<R extends Record = Record> {
  readonly id: RecordId;
  readonly op: Op;
  readonly record: R;
}

/**
 * What became of an op. `ok`: it is new and stored. `held`: it was here. `gap`: the op before it is not here.
 * `stranger`: its author is no member yet. `cut`: its author was evicted and this is not under a named head.
 * After gap and stranger the caller syncs; nothing was stored.
 */
export type Verdict =
  | { readonly verdict: 'ok'; readonly op: Op }
  | { readonly verdict: 'held' | 'gap' | 'stranger' | 'cut' }
  | { readonly verdict: 'rubbish'; readonly why: string };

export interface ReplicaOptions {
  readonly genesis: Genesis;
  readonly crypto: Crypto;
  /** Told of every op that was admitted, after it was folded: the store and the notices hang here. */
  readonly onAdmitted?: (op: Op) => void;
}

/** This agent's copy of the home's ops and what they fold to. Admission and fold are one synchronous step (P18). */
export class Replica {
  readonly home: HomeId;
  readonly genesis: Genesis;
  readonly #crypto: Crypto;
  readonly #onAdmitted: (op: Op) => void;
  readonly #chains = new Chains();
  readonly #adminOps = new Map<PeerKey, Op[]>();
  #membership: Membership;
  #live = new Map<RecordId, Live>();
  #retired = new Map<RecordId, OpId>();
  #counted = new Set<OpId>();
  readonly #digests = new Map<PeerKey, string>();
  #digest: string | undefined;
  #version = 0;

  constructor(options: ReplicaOptions) {
    this.genesis = options.genesis;
    this.#crypto = options.crypto;
    this.home = homeIdOf(options.genesis, options.crypto);
    this.#onAdmitted = options.onAdmitted ?? (() => undefined);
    this.#membership = this.#foldMembership();
  }

  /** Grows with every admitted op. */
  get version(): number {
    return this.#version;
  }

  /** Ops held, counted or not. */
  get size(): number {
    return this.#chains.size;
  }

  /** The records that hold now. Read it at once or copy it: it changes with the next admission. */
  get live(): ReadonlyMap<RecordId, Live> {
    return this.#live;
  }

  /** SHA-256 over the digests of all peers with counted ops, in order of their keys. */
  get digest(): string {
    this.#digest ??= this.#hash([...this.peerDigests()].sort(byKey).map(([peer, digest]) => peer + digest));
    return this.#digest;
  }

  /** Of each peer with counted ops: SHA-256 over its actors and their heads, sorted. */
  peerDigests(): ReadonlyMap<PeerKey, string> {
    for (const peer of this.#chains.peers()) {
      if (this.#digests.has(peer)) continue;
      const actors = [...this.#chains.of(peer)].filter((chain) => chain.heads.size > 0);
      if (actors.length === 0) continue;
      const lines = actors.map(
        (chain) =>
          chain.run +
          chain.heads.size.toString(16).padStart(8, '0') +
          [...chain.heads.keys()].sort().join(''),
      );
      this.#digests.set(peer, this.#hash(lines.sort()));
    }
    return this.#digests;
  }

  /** The heads of what counts of these peers, actor by actor. */
  heads(peers: Iterable<PeerKey>): ActorHeads[] {
    const all: ActorHeads[] = [];
    for (const peer of peers) {
      for (const chain of this.#chains.of(peer)) {
        const heads = [...chain.heads.values()].map((op) => ({ id: op.id, seq: op.seq }));
        if (heads.length > 0) all.push({ peer, run: chain.run, heads });
      }
    }
    return all;
  }

  /**
   * The ops of `peers` that a replica with these heads lacks, in an order in which it can admit them one by one
   * (authors by seniority, each chain in order). `deferred`: authors of whom it is ahead of us; once its own ops are
   * admitted here, ask again for those.
   */
  missing(theirs: readonly ActorHeads[], peers: Iterable<PeerKey>): { send: OpId[]; deferred: PeerKey[] } {
    const heads = new Map(theirs.map((actor) => [actor.peer + actor.run, actor.heads]));
    const send: OpId[] = [];
    const deferred = new Set<PeerKey>();
    for (const peer of [...peers].sort((x, y) => bySeniority(this.#seniority(x), this.#seniority(y)))) {
      for (const chain of this.#chains.of(peer)) {
        const { ops, ahead } = lacking(chain, heads.get(peer + chain.run) ?? [], this.#chains);
        for (const op of ops) send.push(op.id);
        if (ahead) deferred.add(peer);
      }
    }
    return { send, deferred: [...deferred] };
  }

  /** The bytes of a held op. */
  envelope(id: OpId): Uint8Array | undefined {
    return this.#chains.get(id)?.envelope;
  }

  op(id: OpId): Op | undefined {
    return this.#chains.get(id);
  }

  counts(id: OpId): boolean {
    return this.#counted.has(id);
  }

  /** A counted op that retired a record (of several, the one with the least id); undefined while it lives. */
  retiredBy(id: RecordId): OpId | undefined {
    return this.#retired.get(id);
  }

  members(): readonly Member[] {
    return [...this.#membership.members.values()];
  }

  member(peer: PeerKey): Member | undefined {
    return this.#membership.members.get(peer);
  }

  /** Admitted, not evicted, not gone by itself: one to talk to. */
  isMember(peer: PeerKey): boolean {
    const member = this.#membership.members.get(peer);
    return member !== undefined && member.evicted === undefined && !member.left;
  }

  /** Verifies and joins an op, from wherever it came. One signature check; synchronous. */
  admit(envelope: Uint8Array): Verdict {
    return this.#join(decodeOp(envelope, this.home, this.#crypto));
  }

  /** Joins an op of our own store, which was verified when it was first admitted: only its hash is checked. */
  restore(id: OpId, envelope: Uint8Array): Verdict {
    return this.#join(decodeStoredOp(envelope, id, this.#crypto));
  }

  /**
   * Writes the next op of an actor of ours and joins it. The run is random and new for each run of an agent, so that
   * a lost or restored store can never make two ops of one name.
   */
  author(key: { peer: PeerKey; sign(message: Uint8Array): Uint8Array }, run: RunId, draft: Draft): Op {
    const chain = this.#chains.actor(key.peer, run);
    const prev = chain?.ops.at(-1);
    const actor = { home: this.home, peer: key.peer, run, seq: (prev?.seq ?? 0) + 1, prev: prev?.id };
    const verdict = this.admit(encodeOp(actor, draft, key.sign));
    if (verdict.verdict !== 'ok')
      throw new RangeError(`our own change was not admitted: ${JSON.stringify(verdict)}`);
    return verdict.op;
  }

  #join(decoded: Decoded): Verdict {
    if (!decoded.ok) return { verdict: 'rubbish', why: decoded.why };
    const { op } = decoded;
    if (this.#chains.get(op.id) !== undefined) return { verdict: 'held' };
    const member = this.#membership.members.get(op.peer);
    if (member === undefined) return { verdict: 'stranger' };
    if (member.evicted !== undefined && !this.#mayStillCount(op, member)) return { verdict: 'cut' };
    if (!this.#chains.connects(op)) return { verdict: 'gap' };
    const chain = this.#chains.add(op);
    this.#version += 1;
    this.#fold(op, chain, member);
    this.#onAdmitted(op);
    return { verdict: 'ok', op };
  }

  /**
   * Of an evicted member: under a named head, or on the way to one that is not here yet, or in a chain with an admin op
   * that only a senior could cut.
   */
  #mayStillCount(op: Op, member: Member): boolean {
    if (member.admin && !this.#cutBySenior(member)) return true;
    return (member.evicted ?? []).some((head) => {
      if (head.run !== op.run || op.seq > head.seq) return false;
      return this.#chains.get(head.id) === undefined || this.#chains.under(head).has(op.id);
    });
  }

  #cutBySenior(member: Member): boolean {
    return this.members().some((other) => {
      if (bySeniority(other, member) >= 0) return false;
      const ops = this.#adminOps.get(other.peer) ?? [];
      return ops.some(
        (op) =>
          this.#membership.adminOps.has(op.id) &&
          op.add.some((record) => record.kind === 'evict' && record.peer === member.peer),
      );
    });
  }

  #fold(op: Op, chain: Chain, member: Member): void {
    let whole = member.evicted !== undefined;
    if (
      op.add.some((record) => record.kind === 'admit' || record.kind === 'evict' || record.kind === 'leave')
    ) {
      this.#adminOps.set(op.peer, [...(this.#adminOps.get(op.peer) ?? []), op]);
      const before = this.#membership;
      this.#membership = this.#foldMembership();
      whole ||= !sameMembership(before, this.#membership);
    }
    if (whole) this.#refold();
    else this.#count(op, chain);
  }

  #foldMembership(): Membership {
    return foldMembership(this.genesis, {
      of: (peer) => this.#adminOps.get(peer) ?? [],
      under: (head) => this.#chains.under(head),
    });
  }

  /** The incremental step: one more counted op at the end of its chain. */
  #count(op: Op, chain: Chain): void {
    this.#counted.add(op.id);
    if (op.prev !== undefined) chain.heads.delete(op.prev);
    chain.heads.set(op.id, op);
    this.#apply(op);
    this.#digests.delete(op.peer);
    this.#digest = undefined;
  }

  #apply(op: Op): void {
    for (const id of op.over) {
      const other = this.#retired.get(id);
      if (other === undefined || op.id < other) this.#retired.set(id, op.id);
      this.#live.delete(id);
    }
    op.add.forEach((record, index) => {
      const id = `${op.id}/${index}`;
      if (!this.#retired.has(id)) this.#live.set(id, { id, op, record });
    });
  }

  /** The whole fold, anew: membership has changed and with it what counts. */
  #refold(): void {
    this.#live = new Map();
    this.#retired = new Map();
    this.#counted = new Set();
    this.#digests.clear();
    this.#digest = undefined;
    for (const peer of this.#chains.peers()) {
      const member = this.#membership.members.get(peer);
      const under =
        member?.evicted === undefined ? undefined : this.#chains.ancestors(member.evicted.map((h) => h.id));
      for (const chain of this.#chains.of(peer)) {
        chain.heads.clear();
        const covered = new Set<OpId>();
        for (const op of chain.ops) {
          const counts = member !== undefined && (under?.has(op.id) ?? true);
          if (counts || this.#membership.adminOps.has(op.id)) this.#counted.add(op.id);
        }
        for (const op of [...chain.ops].reverse()) {
          const counts = this.#counted.has(op.id);
          if (counts && !covered.has(op.id)) chain.heads.set(op.id, op);
          if ((counts || covered.has(op.id)) && op.prev !== undefined) covered.add(op.prev);
        }
      }
    }
    for (const op of this.#chains.all()) if (this.#counted.has(op.id)) this.#apply(op);
  }

  #seniority(peer: PeerKey): { depth: number; peer: PeerKey } {
    return this.#membership.members.get(peer) ?? { depth: Number.MAX_SAFE_INTEGER, peer };
  }

  #hash(lines: readonly string[]): string {
    return toHex(this.#crypto.sha256(...lines.map((line) => fromHex(line) ?? new Uint8Array(0))));
  }
}

function byKey([x]: readonly [string, unknown], [y]: readonly [string, unknown]): number {
  return x < y ? -1 : x > y ? 1 : 0;
}
