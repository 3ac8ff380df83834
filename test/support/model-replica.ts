import { type Genesis, homeIdOf } from '../../src/policy/genesis.ts';
import { decodeOp, type Op } from '../../src/policy/op.ts';
import { type Judgement, judgeOps, type Spares } from '../sim/oracle.ts';
import { crypto, type SyncSide } from './household.ts';

/** Ways to get it wrong; each must be caught by a law (policy.md, "Laws"). */
export interface Mutations {
  /** A version vector instead of heads. */
  highestSeqVector?: boolean;
  /** An op of somebody who is no member is stored and counts. */
  strangersStored?: boolean;
  /** Of two ops with one predecessor only the one with the lower hash counts. */
  lowerHashWins?: boolean;
  /** Of an evicted peer everything up to the highest number that is named of a run counts. */
  evictionBySeq?: boolean;
  /** What somebody writes who is evicted here already is refused for good, also the eviction of its evictor. */
  firstEvictionWins?: boolean;
  /** Ops of which no record holds are not handed on. */
  deadOpsTrimmed?: boolean;
  /** An op is shown when its retirements are in and its records are not. */
  shownByHalves?: boolean;
}

type Heads = { peer: string; run: string; heads: { id: string; seq: number }[] }[];

const upToSeq: Spares = (op, head) => op.run === head.run && op.seq <= head.seq;

/**
 * The policy's text written down a second time, as naively as possible: a set of ops, judged anew by the oracle at each
 * question. With a mutation it is the wrong program that the laws have to catch.
 */
export class ModelReplica implements SyncSide {
  readonly #home: string;
  readonly #genesis: Genesis;
  readonly #mutations: Mutations;
  readonly #onAdmitted: () => void;
  readonly #ops = new Map<string, Op>();
  #judgement: Judgement | undefined;

  constructor(genesis: Genesis, mutations: Mutations = {}, onAdmitted: () => void = () => undefined) {
    this.#genesis = genesis;
    this.#home = homeIdOf(genesis, crypto);
    this.#mutations = mutations;
    this.#onAdmitted = onAdmitted;
  }

  admit(envelope: Uint8Array): { verdict: string } {
    const decoded = decodeOp(envelope, this.#home, crypto);
    if (!decoded.ok) return { verdict: 'rubbish' };
    const { op } = decoded;
    if (this.#ops.has(op.id)) return { verdict: 'held' };
    const { known, members } = this.#judge();
    if (!known.has(op.peer) && this.#mutations.strangersStored !== true) return { verdict: 'stranger' };
    if (op.prev !== undefined && !this.#ops.has(op.prev)) return { verdict: 'gap' };
    if (this.#mutations.firstEvictionWins === true && !members.has(op.peer)) return { verdict: 'cut' };
    if (this.#mutations.shownByHalves === true) this.#store({ ...op, add: [] });
    this.#store(op);
    return { verdict: 'ok' };
  }

  isMember(peer: string): boolean {
    return this.#judge().members.has(peer);
  }

  counts(id: string): boolean {
    return this.#judge().counted.has(id);
  }

  liveIds(): readonly string[] {
    return this.#judge().live;
  }

  get digest(): string {
    return JSON.stringify([...this.peerDigests()].sort());
  }

  peerDigests(): ReadonlyMap<string, string> {
    const peers = new Set(this.#counted().map((op) => op.peer));
    return new Map([...peers].map((peer) => [peer, JSON.stringify(this.heads([peer]))]));
  }

  heads(peers: Iterable<string>): Heads {
    const counted = this.#counted();
    const actors = new Map<string, Heads[number]>();
    const wanted = new Set(peers);
    const followed = new Set(counted.flatMap((op) => this.#before(op)));
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

  missing(theirs: Heads, peers: Iterable<string>): { send: string[]; deferred: string[] } {
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
          const op = this.#ops.get(id);
          if (op !== undefined) for (const one of [id, ...this.#before(op)]) has.add(one);
        }
      }
    }
    const counted = this.#counted();
    const needed = new Set(counted.flatMap((op) => [op.id, ...this.#before(op)]));
    const lacking = [...this.#ops.values()].filter(
      (op) => needed.has(op.id) && wanted.has(op.peer) && !has.has(op.id) && !this.#isTrimmed(op),
    );
    const elders = [...this.#judge().known];
    lacking.sort((x, y) => elders.indexOf(x.peer) - elders.indexOf(y.peer) || x.seq - y.seq);
    return { send: lacking.map((op) => op.id), deferred: [] };
  }

  envelope(id: string): Uint8Array | undefined {
    return this.#ops.get(id)?.envelope;
  }

  #store(op: Op): void {
    this.#ops.set(op.id, op);
    this.#judgement = undefined;
    this.#onAdmitted();
  }

  #judge(): Judgement {
    this.#judgement ??= this.#judgeAnew();
    return this.#judgement;
  }

  #judgeAnew(): Judgement {
    const { lowerHashWins, evictionBySeq, strangersStored } = this.#mutations;
    const ops = [...this.#ops.values()].filter((op) => lowerHashWins !== true || this.#chosen(op));
    const judgement = judgeOps(this.#genesis, ops, ...(evictionBySeq === true ? [upToSeq] : []));
    if (strangersStored !== true) return judgement;
    const strangers = ops.filter((op) => !judgement.known.has(op.peer));
    const lifted = new Set(strangers.flatMap(({ over }) => over));
    return {
      ...judgement,
      counted: judgement.counted.union(new Set(strangers.map(({ id }) => id))),
      live: judgement.live.filter((id) => !lifted.has(id)),
    };
  }

  #counted(): Op[] {
    return [...this.#ops.values()].filter((op) => this.counts(op.id));
  }

  /** The ops before it in its chain. */
  #before(op: Op): string[] {
    const ids: string[] = [];
    for (let prev = op.prev; prev !== undefined; prev = this.#ops.get(prev)?.prev) ids.push(prev);
    return ids;
  }

  #isTrimmed(op: Op): boolean {
    const live = new Set(this.liveIds());
    return (
      this.#mutations.deadOpsTrimmed === true && !op.add.some((_, index) => live.has(`${op.id}/${index}`))
    );
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
