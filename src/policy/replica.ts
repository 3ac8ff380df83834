import { type Archive, MemoryArchive, PAGE_OPS } from './archive.ts';
import type { RecordId } from './block-set.ts';
import type { ActorHeads } from './chains.ts';
import { Contents, type Edge, type Live } from './contents.ts';
import { type Crypto, type PeerKey, toHex } from './crypto.ts';
import { headsOf, missing } from './delta.ts';
import { Digests } from './digests.ts';
import { Fold } from './fold.ts';
import { type Genesis, homeIdOf } from './genesis.ts';
import type { HomeId } from './identity.ts';
import { type OpenInvitation, openInvitations } from './invitations.ts';
import { Ledger, NOT_HELD } from './ledger.ts';
import { encodePage, readPage } from './ledger-page.ts';
import { bySeniority, type Member } from './membership.ts';
import { Memberships } from './memberships.ts';
import {
  type Decoded,
  type Draft,
  decodeOp,
  decodeStoredOp,
  encodeOp,
  MAX_OP_BYTES,
  type Op,
  unseal,
} from './op.ts';
import { OpReader } from './op-reader.ts';
import type { OpId, RunId } from './records.ts';

/**
 * What became of an op. `ok`: it is new and stored. `held`: it was here. `gap`: the op before it is not here.
 * `stranger`: its author is no member yet. `cut`: its author was evicted and this is not under a named head.
 * After gap and stranger the caller syncs; nothing was stored.
 */
export type Verdict =
  | { readonly verdict: 'ok'; readonly op: Op }
  | { readonly verdict: 'held' | 'gap' | 'stranger' | 'cut' }
  | { readonly verdict: 'rubbish'; readonly why: string };

export type Resumed = { readonly ok: true } | { readonly ok: false; readonly why: string };

export interface ReplicaOptions {
  readonly genesis: Genesis;
  readonly crypto: Crypto;
  /** Where the bytes of admitted ops are to be found; in memory without one. */
  readonly archive?: Archive | undefined;
  /**
   * Told of every op that was admitted, and of its number, after it was folded: the store and the notices hang here. An
   * archive must have its bytes when this returns.
   */
  readonly onAdmitted?: (op: Op, n: number) => void;
  /** Ops to a page, {@link PAGE_OPS} but for tests. */
  readonly pageOps?: number;
}

/** This agent's copy of the home's ops and what they fold to. Admission and fold are one synchronous step (P18). */
export class Replica {
  readonly home: HomeId;
  readonly genesis: Genesis;
  readonly #crypto: Crypto;
  readonly #archive: Archive;
  readonly #memory: MemoryArchive | undefined;
  readonly #onAdmitted: (op: Op, n: number) => void;
  readonly #pageOps: number;
  readonly #ledger = new Ledger();
  readonly #fold = new Fold(this.#ledger);
  readonly #contents: Contents;
  readonly #reader: OpReader;
  readonly #memberships: Memberships;
  readonly #digests: Digests;

  constructor(options: ReplicaOptions) {
    this.genesis = options.genesis;
    this.#crypto = options.crypto;
    this.home = homeIdOf(options.genesis, options.crypto);
    this.#memory = options.archive === undefined ? new MemoryArchive() : undefined;
    this.#archive = options.archive ?? this.#memory ?? new MemoryArchive();
    this.#onAdmitted = options.onAdmitted ?? (() => undefined);
    this.#pageOps = options.pageOps ?? PAGE_OPS;
    this.#reader = new OpReader(this.#ledger, this.#archive, options.crypto);
    this.#contents = new Contents(this.#ledger, this.#fold, (n) => this.#reader.read(n));
    this.#memberships = new Memberships(options.genesis, this.#ledger);
    this.#digests = new Digests(this.#ledger, options.crypto);
  }

  /** Grows with every admitted op. */
  get version(): number {
    return this.#ledger.size;
  }

  /** Ops held, counted or not. */
  get size(): number {
    return this.#ledger.size;
  }

  /** The records that hold now. Read it at once or copy it: it changes with the next admission. */
  get live(): ReadonlyMap<RecordId, Live> {
    return this.#contents.live;
  }

  /** Grows when `live` changes. */
  get liveVersion(): number {
    return this.#contents.liveVersion;
  }

  /** Every counted `same`, `distinct` and `in` record, also the retired ones. Like `live`, it changes. */
  edges(): ReadonlyMap<RecordId, Edge> {
    return this.#contents.edges;
  }

  /** Grows when `edges()` changes. */
  get edgesVersion(): number {
    return this.#contents.edgesVersion;
  }

  /** Records that hold or tie and are in neither of the two, because the archive has lost what they say. */
  get unreadable(): number {
    return this.#contents.unreadable;
  }

  /** SHA-256 over the digests of all peers with counted ops, in order of their keys. */
  get digest(): string {
    return this.#digests.whole;
  }

  /** Of each peer with counted ops: SHA-256 over its actors and their heads, sorted. */
  peerDigests(): ReadonlyMap<PeerKey, string> {
    return this.#digests.byPeer();
  }

  /** The heads of what counts of these peers, actor by actor. */
  heads(peers: Iterable<PeerKey>): ActorHeads[] {
    return headsOf(this.#ledger, peers);
  }

  /**
   * The ops of `peers` that a replica with these heads lacks, in an order in which it can admit them one by one
   * (authors by seniority, each chain in order). `deferred`: authors of whom it is ahead of us; once its own ops are
   * admitted here, ask again for those.
   */
  missing(theirs: readonly ActorHeads[], peers: Iterable<PeerKey>): { send: OpId[]; deferred: PeerKey[] } {
    const seniority = (peer: PeerKey) => this.member(peer) ?? { depth: Number.MAX_SAFE_INTEGER, peer };
    const inTurn = [...peers].sort((x, y) => bySeniority(seniority(x), seniority(y)));
    return missing(this.#ledger, theirs, inTurn);
  }

  /** The bytes of a held op; undefined also when the archive cannot read them. */
  envelope(id: OpId): Uint8Array | undefined {
    const n = this.#ledger.find(id);
    return n === NOT_HELD ? undefined : this.#archive.read(n);
  }

  /** The bytes of the op that was admitted as number `n` (0, 1, 2 …). */
  envelopeAt(n: number): Uint8Array | undefined {
    return this.#archive.read(n);
  }

  /** The number of a held op in the order of admission here; undefined when it is not held. */
  placeOf(id: OpId): number | undefined {
    const n = this.#ledger.find(id);
    return n === NOT_HELD ? undefined : n;
  }

  /** A held op, read from the archive; undefined also when that cannot be done. */
  op(id: OpId): Op | undefined {
    const n = this.#ledger.find(id);
    return n === NOT_HELD ? undefined : this.#reader.read(n);
  }

  /** Who wrote a held op, without reading it; undefined when it is not held. */
  authorOf(id: OpId): PeerKey | undefined {
    const n = this.#ledger.find(id);
    return n === NOT_HELD ? undefined : this.#ledger.chainOf(n).peer;
  }

  /** True when the op is here, without reading it. */
  holds(id: OpId): boolean {
    return this.#ledger.find(id) !== NOT_HELD;
  }

  /** The newest admitted ops, at most `limit`, newest first; only those admitted before the op `before`, if it is given. */
  *recent(limit: number, before?: OpId): Generator<Op, void, undefined> {
    const end = before === undefined ? this.size : this.#ledger.find(before);
    for (let n = end - 1; n >= Math.max(0, end - limit); n--) {
      const op = this.#reader.read(n);
      if (op !== undefined) yield op;
    }
  }

  counts(id: OpId): boolean {
    const n = this.#ledger.find(id);
    return n !== NOT_HELD && this.#fold.counts(n);
  }

  /**
   * A counted op that retired a record (of several, the one with the least id); undefined while it lives. Looks through
   * the names that all ops retire, so it is for people, not for loops.
   */
  retiredBy(record: RecordId): OpId | undefined {
    const [id = '', index] = record.split('/');
    const retirers = this.#ledger.retirersOf(id, Number(index)).filter((n) => this.#fold.retires(n));
    return retirers.map((n) => this.#ledger.idOf(n)).sort()[0];
  }

  members(): readonly Member[] {
    return [...this.#memberships.now.members.values()];
  }

  member(peer: PeerKey): Member | undefined {
    return this.#memberships.now.members.get(peer);
  }

  /** Admitted, not evicted, not gone by itself: one to talk to. */
  isMember(peer: PeerKey): boolean {
    const member = this.member(peer);
    return member !== undefined && member.evicted === undefined && !member.left;
  }

  /** Those that may be used, as far as the home tells; when they end is for whoever has a clock. Looks at all that lives. */
  openInvitations(): OpenInvitation[] {
    return openInvitations(this);
  }

  /** Verifies and joins an op, from wherever it came. One signature check, none for what is held; synchronous. */
  admit(envelope: Uint8Array): Verdict {
    const outer = envelope.length > MAX_OP_BYTES ? undefined : unseal(envelope);
    if (outer !== undefined && this.holds(toHex(this.#crypto.sha256(outer.body)))) return { verdict: 'held' };
    return this.#join(decodeOp(envelope, this.home, this.#crypto));
  }

  /** Joins an op of our own store, which was verified when it was first admitted. In the order of its admission. */
  restore(envelope: Uint8Array): Verdict {
    return this.#join(decodeStoredOp(envelope, undefined, this.#crypto));
  }

  /**
   * At the start, before anything else: takes up whole pages of our own store, the first one first. Of these ops only
   * those are read from the archive whose contents are wanted. Not ok: the replica is of no use.
   */
  resume(pages: readonly Uint8Array[]): Resumed {
    if (this.size > 0) return { ok: false, why: 'a replica with ops cannot resume' };
    this.#ledger.reserve(pages.length * this.#pageOps);
    for (const page of pages) {
      let twice = false;
      const whole = readPage(page, this.size, this.#pageOps, (entry) => {
        twice ||= this.#ledger.findIn(entry.ids, entry.at) !== NOT_HELD;
        if (!twice) this.#fold.added(this.#ledger.append(entry));
      });
      if (twice) return { ok: false, why: 'an op is there twice' };
      if (!whole) return { ok: false, why: 'a page is malformed' };
    }
    if (!this.#memberships.resume((n) => this.#reader.read(n))) {
      return { ok: false, why: 'an op about the members cannot be read' };
    }
    this.#foldAnew();
    if (this.unreadable > 0) return { ok: false, why: `${this.unreadable} records cannot be read` };
    return { ok: true };
  }

  /** The page with the ops from `index` × page size on, for the store to keep; undefined while it is not whole. */
  page(index: number): Uint8Array | undefined {
    const first = index * this.#pageOps;
    return first + this.#pageOps <= this.size ? encodePage(this.#ledger, first, this.#pageOps) : undefined;
  }

  /**
   * Writes the next op of an actor of ours and joins it. The run is random and new for each run of an agent, so that
   * a lost or restored store can never make two ops of one name.
   */
  author(key: { peer: PeerKey; sign(message: Uint8Array): Uint8Array }, run: RunId, draft: Draft): Op {
    const newest = this.#ledger.chains.actor(key.peer, run)?.newest;
    const [seq, prev] =
      newest === undefined ? [1] : [this.#ledger.seqOf(newest) + 1, this.#ledger.idOf(newest)];
    const envelope = encodeOp({ home: this.home, peer: key.peer, run, seq, prev }, draft, key.sign);
    // Its form is checked as that of any op; the signature was made a moment ago, and to check it takes three times as long.
    const verdict = this.#join(decodeStoredOp(envelope, undefined, this.#crypto));
    if (verdict.verdict !== 'ok')
      throw new RangeError(`our own change was not admitted: ${JSON.stringify(verdict)}`);
    return verdict.op;
  }

  #join(decoded: Decoded): Verdict {
    if (!decoded.ok) return { verdict: 'rubbish', why: decoded.why };
    const { op } = decoded;
    if (this.holds(op.id)) return { verdict: 'held' };
    const member = this.member(op.peer);
    if (member === undefined) return { verdict: 'stranger' };
    if (member.evicted !== undefined && !this.#memberships.mayStillCount(op, member))
      return { verdict: 'cut' };
    if (!this.#ledger.connects(op)) return { verdict: 'gap' };
    const n = this.#ledger.add(op);
    this.#fold.added(n);
    this.#reader.admitted(n, op);
    this.#memory?.push(op.envelope);
    this.#count(n, op, member);
    this.#onAdmitted(op, n);
    return { verdict: 'ok', op };
  }

  #count(n: number, op: Op, member: Member): void {
    if (this.#memberships.joined(op)) this.#foldAnew();
    else if (member.evicted === undefined) {
      this.#fold.count(n);
      this.#contents.counted(n, op);
      this.#digests.changed(this.#ledger.chainOf(n));
    } else if (member.evicted.some((head) => head.id === op.id)) this.#foldAnew();
    else if (this.#memberships.leads(op, member)) {
      this.#fold.count(n, true);
      this.#contents.counted(n, op);
      this.#digests.changed(this.#ledger.chainOf(n));
    }
  }

  /** The whole fold, anew: what counts may have changed. */
  #foldAnew(): void {
    this.#fold.anew(this.#memberships.now);
    this.#contents.anew();
    this.#digests.allChanged();
  }
}
