import { type Genesis, homeIdOf } from '../../src/policy/genesis.ts';
import { decodeOp, type Op } from '../../src/policy/op.ts';
import type { Head } from '../../src/policy/records.ts';
import { quickCrypto as crypto } from './quick-crypto.ts';

/** What a set of ops comes to, by definition. */
export interface Judgement {
  /** Everybody who was ever admitted by an op that counts. */
  readonly known: ReadonlySet<string>;
  /** Admitted, not evicted, not gone by itself. */
  readonly members: ReadonlySet<string>;
  /** The ids of the ops that count. */
  readonly counted: ReadonlySet<string>;
  /** The ids of the records that hold, sorted. */
  readonly live: readonly string[];
}

/** An admission: who, as what, and how far from the founder. The recovery key stands at −1, the founder at 0. */
interface Place {
  readonly peer: string;
  readonly admin: boolean;
  readonly depth: number;
}

interface Eviction {
  readonly peer: string;
  readonly heads: readonly Head[];
}

/** Whether an eviction that names `head` leaves `op` standing; `chain` are the op of that head and those before it. */
export type Spares = (op: Op, head: Head, chain: readonly string[]) => boolean;

const underTheHead: Spares = (op, _, chain) => chain.includes(op.id);

/**
 * The second reading of policy.md ("The fold"): slow, from the whole set each time, and written without a look at the
 * replica, of which it uses nothing but the op's codec. A block counts until a counted op named it.
 */
export function judge(genesis: Genesis, envelopes: Iterable<Uint8Array>): Judgement {
  const home = homeIdOf(genesis, crypto);
  const decoded = [...envelopes].map((envelope) => decodeOp(envelope, home, crypto));
  return judgeOps(
    genesis,
    decoded.flatMap((one) => (one.ok ? [one.op] : [])),
  );
}

/** The same for ops that have been read. With another `spares` it is a wrong reading, for the laws to catch. */
export function judgeOps(genesis: Genesis, ops: Iterable<Op>, spares: Spares = underTheHead): Judgement {
  const book = new Book(ops, spares);
  const { places, evictions, adminOps } = elders(genesis, book);
  const known = new Set(places.map(({ peer }) => peer));
  const counted = book.ops.filter((op) => {
    if (!known.has(op.peer)) return false;
    const against = evictions.filter(({ peer }) => peer === op.peer);
    return (
      against.length === 0 || adminOps.has(op.id) || book.isSpared(op, against) || book.leads(op, against)
    );
  });
  const lifted = new Set(
    counted.flatMap((op) => {
      const against = evictions.filter(({ peer }) => peer === op.peer);
      const sure = against.length === 0 || book.isSpared(op, against) || !book.leads(op, against);
      return sure ? op.over : [];
    }),
  );
  const live = counted
    .flatMap(({ id, add }) => add.map((_, index) => `${id}/${index}`))
    .filter((id) => !lifted.has(id));
  const out = new Set(evictions.map(({ peer }) => peer));
  for (const op of counted) if (op.add.some(({ kind }) => kind === 'leave')) out.add(op.peer);
  return {
    known,
    members: known.difference(out),
    counted: new Set(counted.map(({ id }) => id)),
    live: live.sort(),
  };
}

/** Admins speak in order of seniority; what a senior has cut is not heard. */
function elders(
  genesis: Genesis,
  book: Book,
): { places: Place[]; evictions: Eviction[]; adminOps: Set<string> } {
  const places: Place[] = [
    { peer: genesis.recovery, admin: true, depth: -1 },
    { peer: genesis.founder, admin: true, depth: 0 },
  ];
  const evictions: Eviction[] = [];
  const adminOps = new Set<string>();
  const spoken = new Set<string>();
  for (;;) {
    const [next] = places.filter(({ admin, peer }) => admin && !spoken.has(peer)).sort(bySeniority);
    if (next === undefined) return { places, evictions, adminOps };
    spoken.add(next.peer);
    const against = evictions.filter(({ peer }) => peer === next.peer);
    for (const op of book.ops) {
      if (op.peer !== next.peer) continue;
      const spared = against.length === 0 || book.isSpared(op, against);
      if (!spared && !book.leads(op, against)) continue;
      for (const record of op.add) {
        if (record.kind === 'evict' && !spared) continue;
        if (record.kind === 'admit')
          places.push({ peer: record.peer, admin: record.admin, depth: next.depth + 1 });
        else if (record.kind === 'evict') evictions.push({ peer: record.peer, heads: record.heads });
        else continue;
        adminOps.add(op.id);
      }
    }
  }
}

function bySeniority(x: Place, y: Place): number {
  return x.depth - y.depth || (x.peer < y.peer ? -1 : 1);
}

/** The ops that are connected to the first of their actor. */
class Book {
  readonly ops: readonly Op[];
  readonly #all: ReadonlyMap<string, Op>;
  readonly #spares: Spares;

  constructor(ops: Iterable<Op>, spares: Spares) {
    this.#all = new Map([...ops].map((op) => [op.id, op]));
    this.#spares = spares;
    this.ops = [...this.#all.values()].filter(({ id, seq }) => this.chain(id).length === seq);
  }

  isSpared(op: Op, evictions: readonly Eviction[]): boolean {
    return evictions.some(({ heads }) => heads.some((head) => this.#spares(op, head, this.chain(head.id))));
  }

  /** While a named head is missing, what may lead to it goes on adding: nobody's block falls for want of an op. */
  leads(op: Op, evictions: readonly Eviction[]): boolean {
    return evictions.some(({ heads }) =>
      heads.some((head) => !this.#all.has(head.id) && head.run === op.run && op.seq <= head.seq),
    );
  }

  /** The op and those before it, as far as they are there and follow each other. */
  chain(id: string): string[] {
    const ids: string[] = [];
    let op = this.#all.get(id);
    while (op !== undefined) {
      ids.push(op.id);
      const prev: Op | undefined = op.prev === undefined ? undefined : this.#all.get(op.prev);
      const follows = prev?.peer === op.peer && prev.run === op.run && prev.seq === op.seq - 1;
      op = follows ? prev : undefined;
    }
    return ids;
  }
}
