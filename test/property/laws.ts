import { homeIdOf } from '../../src/policy/genesis.ts';
import { decodeOp, encodeOp, type Op } from '../../src/policy/op.ts';
import { type Judgement, judgeOps } from '../sim/oracle.ts';
import { eviction, type Played } from '../support/history.ts';
import { blockOf, crypto, deliver, genesis, key, run, type SyncSide } from '../support/household.ts';

/** A replica as the laws see it: the real one, the model, or a mutant. */
export interface LawSubject extends SyncSide {
  liveIds(): readonly string[];
  counts(id: string): boolean;
  isMember(peer: string): boolean;
}

const home = homeIdOf(genesis, crypto);

/** Makes an empty replica; `look` is called whenever it says that it admitted an op. */
export type Make = (look?: () => void) => LawSubject;

/**
 * The laws of policy.md that hold for any history, each a function that throws when it is broken. `order` is a
 * permutation's seed.
 */
export const laws = {
  /** P1: any order, grouping and repetition of delivery gives the same fold and digest. */
  P1(make: Make, { ops }: Played, order: readonly number[]): void {
    const straight = fed(make, ops);
    same(fed(make, [...permute(ops, order), ...ops.slice(0, 5)]), straight, 'in another order');
  },

  /** P2: a counted block stays live unless a counted op names it. */
  P2(make: Make, { ops }: Played, order: readonly number[]): void {
    fulfils(fed(make, permute(ops, order)), judged(ops));
  },

  /**
   * P3: at one replica a record stops being live only in a step that admits an op: one which names it, or one by which
   * somebody is evicted or admitted, or comes to count.
   */
  P3(make: Make, { ops }: Played, order: readonly number[]): void {
    const subject = make();
    let before = new Set(subject.liveIds());
    for (const op of [...permute(ops, order), ...ops]) {
      const { verdict } = subject.admit(op.envelope);
      const after = new Set(subject.liveIds());
      const ended = before.difference(after).difference(new Set(op.over));
      before = after;
      const aboutMembers = op.add.some(({ kind }) => kind === 'admit' || kind === 'evict');
      if (verdict === 'ok' && (aboutMembers || !subject.isMember(op.peer))) continue;
      for (const id of ended) throw new Error(`${id} ended without being named`);
    }
  },

  /** P4: no zombies after any absence: what was lifted anywhere is live nowhere once all have talked. */
  P4(make: Make, { ops, routers }: Played, order: readonly number[]): void {
    const absent = fed(make, permute(ops, order).slice(0, ops.length >> 1));
    agree([...copies(make, ops, routers), absent], ops);
  },

  /** P8: what an evicted peer wrote under no named head changes nothing, in any order. */
  P8(make: Make, { ops }: Played, order: readonly number[]): void {
    const { counted } = judged(ops);
    const prevs = new Map(ops.map(({ id, prev }) => [id, prev]));
    const needed = new Set<string>();
    for (const id of counted) {
      for (let one: string | undefined = id; one !== undefined; one = prevs.get(one)) needed.add(one);
    }
    const without = fed(
      make,
      ops.filter(({ id }) => needed.has(id)),
    );
    same(fed(make, permute(ops, order)), without, 'with what was cut');
  },

  /** P9: mutual evictions are order-free: whichever is heard first, the same one stays. */
  P9(make: Make, { ops, routers }: Played, order: readonly number[]): void {
    const rivals = routers.flatMap((router, n) => (router.isMember(key(n).peer) ? [{ router, n }] : []));
    const x = rivals[(order[0] ?? 0) % rivals.length];
    const y = rivals[((order[0] ?? 0) + 1) % rivals.length];
    if (x === undefined || y === undefined || x === y) return;
    const against = (by: typeof x, whom: typeof x): Op =>
      by.router.author(key(by.n), run(500 + by.n), {
        at: 1,
        by: 'rival',
        over: [],
        add: [eviction(by.router, key(whom.n).peer)],
      });
    const both = [against(x, y), against(y, x)];
    const one = fed(make, [...ops, ...both]);
    const other = fed(make, [...permute(ops, order), ...both.reverse()]);
    same(one, other, 'with the other eviction first');
    for (const { n } of [x, y])
      equal(one.isMember(key(n).peer), other.isMember(key(n).peer), 'another one is a member');
  },

  /** P10: of a fork both ops count, and digests are equal. */
  P10(make: Make, { ops }: Played, order: readonly number[]): void {
    const members = judged(ops).members;
    const forks = [1, 2].flatMap((device) => twin(ops, order, device) ?? []);
    const subjects = forks.map((op) => fed(make, [...permute(ops, order), op]));
    agree(subjects, [...ops, ...forks]);
    for (const op of forks) {
      if (!members.has(op.peer)) continue;
      for (const subject of subjects) equal(subject.counts(op.id), true, 'a fork does not count');
    }
  },

  /** P11: a joiner from any member equals one with all history. */
  P11(make: Make, { ops, routers }: Played, order: readonly number[]): void {
    const all = copies(make, ops, routers);
    talk(all);
    const member = all[(order[0] ?? 0) % all.length] ?? make();
    const joiner = make();
    talk([member, joiner]);
    same(joiner, member, 'at the joiner');
    fulfils(joiner, judged(heldBy(all, ops)));
  },

  /** P12: delta both ways makes digests equal, is empty for equals, survives interruption. */
  P12(make: Make, { ops, routers }: Played, order: readonly number[]): void {
    const [a = make(), b = make()] = copies(make, ops, routers);
    deliver(a, b, (order[0] ?? 1) % 3);
    talk([a, b]);
    same(a, b, 'after a sync both ways');
    equal(deliver(a, b) + deliver(b, a), 0, 'equals had something to send');
  },

  /** P13: any replica replaced by an older or empty copy, which writes on: P1–P4 for all that survives somewhere. */
  P13(make: Make, { ops, routers }: Played, order: readonly number[]): void {
    const all = copies(make, ops, routers);
    const victim = (order[0] ?? 0) % all.length;
    const survived = ops.filter(({ id }) => routers[victim]?.op(id) !== undefined);
    const old = survived.slice(0, (order[1] ?? 0) % (survived.length + 1));
    const copy = fed(make, old);
    const more = old.length > 0 ? twin(old, order, 3) : undefined;
    if (more !== undefined) feed(copy, [more.envelope]);
    all[victim] = copy;
    agree(all, more === undefined ? ops : [...ops, more]);
  },

  /** P14: what counts depends on the set of ops alone; an op of somebody who is no member changes nothing. */
  P14(make: Make, { ops, stranger }: Played, order: readonly number[]): void {
    const without = fed(make, ops);
    const withStranger = make();
    feed(withStranger, permute([...ops.map(({ envelope }) => envelope), stranger], order));
    same(withStranger, without, 'with a stranger');
  },

  /** P18: whoever looks whenever an op was admitted sees all of it: its retirements and its records. */
  P18(make: Make, { ops }: Played, order: readonly number[]): void {
    let looked = 0;
    const subject = make(() => {
      looked += 1;
      fulfils(subject, judged(heldBy([subject], ops)));
    });
    feed(
      subject,
      permute(ops, order).map(({ envelope }) => envelope),
    );
    if (looked === 0) throw new Error('nobody was told of anything');
  },
} as const;

/** Puts envelopes in until nothing more is taken, as sync does with what could not be placed yet. */
export function feed(subject: SyncSide, envelopes: readonly Uint8Array[]): void {
  let waiting = envelopes;
  for (let before = -1; before !== waiting.length; ) {
    before = waiting.length;
    waiting = waiting.filter((one) => ['gap', 'stranger', 'cut'].includes(subject.admit(one).verdict));
  }
}

function fed(make: Make, ops: readonly Op[]): LawSubject {
  const subject = make();
  feed(
    subject,
    ops.map((op) => op.envelope),
  );
  return subject;
}

/** Replicas with what the routers of a history hold. */
function copies(make: Make, ops: readonly Op[], routers: Played['routers']): LawSubject[] {
  return routers.map((router) =>
    fed(
      make,
      ops.filter((op) => router.op(op.id) !== undefined),
    ),
  );
}

/** Another op in the place of one that is there, by a copy of its author's store that runs beside it. */
function twin(ops: readonly Op[], order: readonly number[], device: number): Op | undefined {
  const last = ops[(order[0] ?? 0) % ops.length];
  const author = [0, 1, 2, 3, 4].find((n) => key(n).peer === last?.peer);
  if (last === undefined || author === undefined) return undefined;
  const actor = { home, peer: last.peer, run: last.run, seq: last.seq, prev: last.prev };
  const draft = { at: 1, by: 'twin', over: [], add: [blockOf(device, 'forked.example')] };
  const decoded = decodeOp(encodeOp(actor, draft, key(author).sign), home, crypto);
  return decoded.ok ? decoded.op : undefined;
}

function judged(ops: readonly Op[]): Judgement {
  return judgeOps(genesis, ops);
}

function heldBy(subjects: readonly SyncSide[], ops: readonly Op[]): Op[] {
  return ops.filter(({ id }) => subjects.some((subject) => subject.envelope(id) !== undefined));
}

/** All talk; then they are equal, and hold what the oracle says of what any of them holds. */
function agree(all: readonly LawSubject[], ops: readonly Op[]): void {
  talk(all);
  const wanted = judged(heldBy(all, ops));
  for (const subject of all) {
    fulfils(subject, wanted);
    equal(subject.digest, all[0]?.digest, 'digests differ after everybody has talked');
  }
}

/** Everybody with everybody, both ways, until nothing moves. */
function talk(all: readonly SyncSide[]): void {
  for (let round = 0; round < 10; round++) {
    let moved = 0;
    for (const from of all) for (const to of all) if (from !== to) moved += deliver(from, to);
    if (moved === 0) return;
  }
}

function fulfils(subject: LawSubject, { live }: Judgement): void {
  equal(subject.liveIds(), live, 'a record was lost or came back');
}

function same(a: LawSubject, b: LawSubject, when: string): void {
  equal(a.liveIds(), b.liveIds(), `another fold ${when}`);
  equal(a.digest, b.digest, `another digest ${when}`);
}

function permute<T>(items: readonly T[], order: readonly number[]): T[] {
  const pool = [...items];
  const out: T[] = [];
  for (let i = 0; pool.length > 0; i++) {
    const at = ((order[i % Math.max(1, order.length)] ?? 0) * 31 + i * 17) % pool.length;
    out.push(...pool.splice(at, 1));
  }
  return out;
}

function equal(actual: unknown, wanted: unknown, message: string): void {
  const [x, y] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (x !== y) throw new Error(`${message}\n  has    ${x}\n  wanted ${y}`);
}
