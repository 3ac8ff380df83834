import { Column } from './column.ts';
import type { PeerKey } from './crypto.ts';
import { LEADS, type Ledger, NOT_HELD } from './ledger.ts';
import type { Membership } from './membership.ts';

/**
 * Which ops count and which records are retired (policy.md, "The fold", 2 and 3), over numbers alone. Kept op by op;
 * done anew only when membership has changed. Free of the order in which ops came: both ways give the same.
 */
export class Fold {
  readonly #ledger: Ledger;
  /** By op: 1 when it counts, 2 when it counts until the head is here to which it leads. */
  readonly #counted = Column.ofBytes();
  /** By record: 1 when a counted op retires it. */
  readonly #retired = Column.ofBytes();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  counts(n: number): boolean {
    return this.#counted.at(n) !== 0;
  }

  /** What leads to a head that is not here yet adds, but does not retire: so nothing is let through by what may not count. */
  retires(n: number): boolean {
    return this.#counted.at(n) === 1;
  }

  /** The record of that index of op `n` is named in no counted op; whether `n` itself counts is another question. */
  isUnretired(n: number, index: number): boolean {
    return this.#retired.at(this.#ledger.recordsFrom(n) + index) === 0;
  }

  /** Makes room for op `n`, which the ledger has just taken up. It does not count yet. */
  added(n: number): void {
    this.#counted.push(0);
    for (let record = this.#ledger.recordsOf(n); record > 0; record--) this.#retired.push(0);
    for (const other of this.#ledger.claim(n)) if (this.retires(other)) this.#retire(other);
  }

  /** The incremental step: op `n`, the last of its chain, counts; `leads`: as yet only to a head that is not here. */
  count(n: number, leads = false): void {
    this.#counted.set(n, leads ? LEADS : 1);
    if (!leads) this.#retire(n);
    const { heads } = this.#ledger.chainOf(n);
    heads.delete(this.#ledger.parentOf(n));
    heads.add(n);
  }

  /** The whole fold: what counts under this membership, and what that retires. */
  anew(membership: Membership): void {
    this.#countUnder(membership);
    this.#findHeads();
    this.#retired.clear();
    for (let n = 0; n < this.#ledger.size; n++) if (this.retires(n)) this.#retire(n);
  }

  #countUnder({ members, adminOps }: Membership): void {
    const ledger = this.#ledger;
    const under = new Map<PeerKey, Uint8Array>();
    for (const { peer, evicted } of members.values()) {
      if (evicted !== undefined) under.set(peer, ledger.under(peer, evicted));
    }
    const authors = ledger.chains.all().map((chain) => members.get(chain.peer));
    for (let n = 0; n < ledger.size; n++) {
      const author = authors[ledger.chainNumberOf(n)];
      const marks = author === undefined ? undefined : under.get(author.peer);
      this.#counted.set(n, author === undefined ? 0 : marks === undefined ? 1 : (marks[n] ?? 0));
    }
    for (const id of adminOps) {
      const n = ledger.find(id);
      if (n !== NOT_HELD && !this.counts(n)) this.#counted.set(n, 1);
    }
  }

  /** The counted ops before which no counted op of the same chain stands. */
  #findHeads(): void {
    const ledger = this.#ledger;
    const covered = new Uint8Array(ledger.size);
    const heads = ledger.chains.all().map((): number[] => []);
    for (let n = ledger.size - 1; n >= 0; n--) {
      if (this.counts(n) && covered[n] === 0) heads[ledger.chainNumberOf(n)]?.push(n);
      const parent = ledger.parentOf(n);
      if ((this.counts(n) || covered[n] === 1) && parent !== NOT_HELD) covered[parent] = 1;
    }
    for (const [number, own] of heads.entries()) ledger.chains.at(number).heads = new Set(own.reverse());
  }

  #retire(n: number): void {
    const ledger = this.#ledger;
    const to = ledger.namesFrom(n + 1);
    for (let name = ledger.namesFrom(n); name < to; name++) {
      const record = ledger.recordNamed(name);
      if (record !== undefined) this.#retired.set(record, 1);
    }
  }
}
