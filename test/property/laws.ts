import type { Played } from '../support/history.ts';
import { deliver, type SyncSide } from '../support/household.ts';

/** A replica as the laws see it: the real one, the model, or a mutant. */
export interface LawSubject extends SyncSide {
  liveIds(): string[];
}

/** Puts envelopes in until nothing more is taken, as sync does with gaps and strangers. */
export function feed(subject: SyncSide, envelopes: readonly Uint8Array[]): void {
  let waiting = envelopes;
  for (let before = -1; before !== waiting.length; ) {
    before = waiting.length;
    waiting = waiting.filter((envelope) => ['gap', 'stranger'].includes(subject.admit(envelope).verdict));
  }
}

/**
 * The laws of policy.md that hold for any history, each a function that throws when it is broken. `make` gives an
 * empty replica; `order` is a permutation's seed.
 */
export const laws = {
  /** P1: any order, grouping and repetition of delivery gives the same fold and digest. */
  P1(make: () => LawSubject, { ops }: Played, order: readonly number[]): void {
    const straight = make();
    const shuffled = make();
    const envelopes = ops.map((op) => op.envelope);
    feed(straight, envelopes);
    feed(shuffled, [...permute(envelopes, order), ...envelopes.slice(0, 5)]);
    equal(shuffled.liveIds(), straight.liveIds(), 'another order gives another fold');
    equal(shuffled.digest, straight.digest, 'another order gives another digest');
  },

  /** P2: a counted block stays live unless a counted op names it. All ops of a played history are members' own. */
  P2(make: () => LawSubject, { ops }: Played, order: readonly number[]): void {
    const subject = make();
    feed(
      subject,
      permute(
        ops.map((op) => op.envelope),
        order,
      ),
    );
    const retired = new Set(ops.flatMap((op) => op.over));
    const wanted = ops
      .flatMap((op) => op.add.map((_, index) => `${op.id}/${index}`))
      .filter((id) => !retired.has(id))
      .sort();
    equal(subject.liveIds(), wanted, 'a record was lost or came back');
  },

  /** P3: at one replica a record stops being live only in a step that admits an op which names it. */
  P3(make: () => LawSubject, { ops }: Played, order: readonly number[]): void {
    const subject = make();
    const byEnvelope = new Map(ops.map((op) => [op.envelope, op]));
    let before = new Set(subject.liveIds());
    for (const envelope of [
      ...permute(
        ops.map((op) => op.envelope),
        order,
      ),
      ...ops.map((op) => op.envelope),
    ]) {
      subject.admit(envelope);
      const after = new Set(subject.liveIds());
      const over = new Set(byEnvelope.get(envelope)?.over);
      for (const id of before)
        if (!after.has(id) && !over.has(id)) throw new Error(`${id} ended without being named`);
      before = after;
    }
  },

  /** P4: no zombies after any absence: what was lifted anywhere is live nowhere once all have talked. */
  P4(make: () => LawSubject, { ops, routers }: Played, order: readonly number[]): void {
    const subjects = routers.map((router) => {
      const subject = make();
      feed(
        subject,
        ops.filter((op) => router.op(op.id) !== undefined).map((op) => op.envelope),
      );
      return subject;
    });
    const absent = make();
    feed(
      absent,
      permute(ops, order)
        .slice(0, ops.length >> 1)
        .map((op) => op.envelope),
    );
    const all = [...subjects, absent];
    talk(all);
    const retired = new Set(ops.flatMap((op) => op.over));
    for (const subject of all) {
      for (const id of subject.liveIds()) if (retired.has(id)) throw new Error(`${id} rose from the dead`);
      equal(subject.digest, all[0]?.digest, 'digests differ after everybody has talked');
    }
  },

  /** P12: delta both ways makes digests equal, is empty for equals, survives interruption. */
  P12(make: () => LawSubject, { ops, routers }: Played, order: readonly number[]): void {
    const subjects = routers.map((router) => {
      const subject = make();
      feed(
        subject,
        ops.filter((op) => router.op(op.id) !== undefined).map((op) => op.envelope),
      );
      return subject;
    });
    const [a, b] = subjects;
    if (a === undefined || b === undefined) throw new Error('a household has routers');
    deliver(a, b, (order[0] ?? 1) % 3);
    talk([a, b]);
    equal(a.digest, b.digest, 'digests differ after a sync both ways');
    equal(a.liveIds(), b.liveIds(), 'folds differ although the digests are equal');
    equal(deliver(a, b) + deliver(b, a), 0, 'equals had something to send');
  },

  /** P14: what counts depends on the set of ops alone; an op of somebody who is no member changes nothing. */
  P14(make: () => LawSubject, { ops, stranger }: Played, order: readonly number[]): void {
    const without = make();
    const withStranger = make();
    const envelopes = ops.map((op) => op.envelope);
    feed(without, envelopes);
    feed(withStranger, permute([...envelopes, stranger], order));
    equal(withStranger.liveIds(), without.liveIds(), 'a stranger changed the fold');
    equal(withStranger.digest, without.digest, 'a stranger changed the digest');
  },
} as const;

/** Everybody with everybody, both ways, until nothing moves. */
function talk(all: readonly SyncSide[]): void {
  for (let round = 0; round < 10; round++) {
    let moved = 0;
    for (const from of all) for (const to of all) if (from !== to) moved += deliver(from, to);
    if (moved === 0) return;
  }
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
