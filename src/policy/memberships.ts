import type { PeerKey } from './crypto.ts';
import type { Genesis } from './genesis.ts';
import { type Ledger, NOT_HELD } from './ledger.ts';
import { bySeniority, foldMembership, type Member, type Membership, sameMembership } from './membership.ts';
import type { Op } from './op.ts';
import { KINDS } from './record-codec.ts';
import type { Record } from './records.ts';

const ABOUT_MEMBERS: ReadonlySet<number> = new Set([KINDS.admit, KINDS.evict, KINDS.leave]);

/** By the marks of the ledger. */
const STANDS = ['cut', 'stands', 'leads'] as const;

/** Who belongs to the home now, kept as the ops that say so come in. These ops are few, and stay in memory. */
export class Memberships {
  readonly #genesis: Genesis;
  readonly #ledger: Ledger;
  readonly #ops = new Map<PeerKey, Op[]>();
  #now: Membership;

  constructor(genesis: Genesis, ledger: Ledger) {
    this.#genesis = genesis;
    this.#ledger = ledger;
    this.#now = this.#fold();
  }

  get now(): Membership {
    return this.#now;
  }

  /** An op is in the ledger; true when what counts may be different now. */
  joined(op: Op): boolean {
    if (op.add.some(isAboutMembers)) this.#keep(op);
    else if (!this.#isNamedHead(op)) return false;
    const before = this.#now;
    this.#now = this.#fold();
    return !sameMembership(before, this.#now);
  }

  /** Reads all such ops of a ledger that was taken from pages; false when one cannot be read. */
  resume(read: (n: number) => Op | undefined): boolean {
    const ledger = this.#ledger;
    for (let n = 0; n < ledger.size; n++) {
      const [from, to] = [ledger.recordsFrom(n), ledger.recordsFrom(n + 1)];
      for (let record = from; record < to; record++) {
        if (!ABOUT_MEMBERS.has(ledger.kindAt(record))) continue;
        const op = read(n);
        if (op === undefined) return false;
        this.#keep(op);
        break;
      }
    }
    this.#now = this.#fold();
    return true;
  }

  /**
   * Whether a new op of an evicted member may count: it is under a named head or on the way to one that is not here yet,
   * or in a chain with an admin op that only a senior could cut. Under a head that is here, every op is here.
   */
  mayStillCount(op: Op, member: Member): boolean {
    if (member.admin && !this.#cutBySenior(member)) return true;
    return this.leads(op, member);
  }

  /** Whether an op of an evicted member is, as far as seq tells, on the way to a named head that is not here yet. */
  leads(op: Op, member: Member): boolean {
    return (member.evicted ?? []).some(
      (head) => head.run === op.run && op.seq <= head.seq && this.#ledger.find(head.id) === NOT_HELD,
    );
  }

  /** With the head that an eviction named come the admin ops before it, which nothing led to until now. */
  #isNamedHead(op: Op): boolean {
    return this.#now.members.get(op.peer)?.evicted?.some((head) => head.id === op.id) === true;
  }

  #cutBySenior(member: Member): boolean {
    const evicts = (record: Record) => record.kind === 'evict' && record.peer === member.peer;
    return [...this.#now.members.values()].some(
      (other) =>
        bySeniority(other, member) < 0 &&
        this.#opsOf(other.peer).some((op) => this.#now.adminOps.has(op.id) && op.add.some(evicts)),
    );
  }

  #keep(op: Op): void {
    const ops = this.#ops.get(op.peer);
    if (ops === undefined) this.#ops.set(op.peer, [op]);
    else ops.push(op);
  }

  #opsOf(peer: PeerKey): readonly Op[] {
    return this.#ops.get(peer) ?? [];
  }

  #fold(): Membership {
    return foldMembership(this.#genesis, {
      of: (peer) => this.#opsOf(peer),
      under: (peer, heads) => {
        const marks = this.#ledger.under(peer, heads);
        return (op) => STANDS[marks[this.#ledger.find(op)] ?? 0] ?? 'cut';
      },
    });
  }
}

function isAboutMembers(record: Record): boolean {
  return record.kind !== 'unknown' && ABOUT_MEMBERS.has(KINDS[record.kind]);
}
