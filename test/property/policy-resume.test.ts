import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Archive } from '../../src/policy/archive.ts';
import type { Op } from '../../src/policy/op.ts';
import type { Record } from '../../src/policy/records.ts';
import { Replica } from '../../src/policy/replica.ts';
import { actions, play } from '../support/history.ts';
import { crypto, genesis, key, run } from '../support/household.ts';
import { feed } from './laws.ts';

/** What a store would hold: envelopes by number. */
class Kept implements Archive {
  readonly envelopes: Uint8Array[] = [];

  read(n: number): Uint8Array | undefined {
    return this.envelopes[n];
  }
}

function replicaOn(kept: Kept, pageOps: number): Replica {
  const onAdmitted = (op: Op, n: number) => {
    kept.envelopes[n] = op.envelope;
  };
  return new Replica({ genesis, crypto, archive: kept, onAdmitted, pageOps });
}

/** The start of an agent: whole pages, then the ops after them. */
function resumed(of: Replica, kept: Kept, pageOps: number, pages: number): Replica {
  const copy = replicaOn(kept, pageOps);
  const bytes = Array.from({ length: pages }, (_, index) => of.page(index) ?? new Uint8Array(0));
  expect(copy.resume(bytes)).toEqual({ ok: true });
  for (let n = copy.size; n < of.size; n++)
    expect(copy.restore(kept.envelopes[n] ?? new Uint8Array(0)).verdict).toBe('ok');
  return copy;
}

/** Everything that can be asked of a replica, with these ops known to whoever asks. */
function wordsOf(home: Replica, ops: readonly Op[], half: ReturnType<Replica['heads']>): unknown {
  const peers = [...home.peerDigests().keys()].sort();
  return {
    size: home.size,
    digest: home.digest,
    peers: [...home.peerDigests()].sort(),
    live: [...home.live].map(([id, live]) => [id, live.op.id, live.record]),
    edges: [...home.edges()],
    heads: home.heads(peers),
    missing: [home.missing([], peers), home.missing(half, peers), home.missing(home.heads(peers), peers)],
    members: home.members(),
    counts: ops.map((op) => home.counts(op.id)),
    retired: ops.map((op) => op.add.map((_, index) => home.retiredBy(`${op.id}/${index}`))),
    recent: [...home.recent(10)].map((op) => op.id),
  };
}

const evictions = fc.array(
  fc.record({ by: fc.nat(2), whom: fc.nat(2), at: fc.nat(100), behind: fc.nat(3) }),
  { maxLength: 3 },
);
const ties = fc.array(
  fc.record({ kind: fc.constantFrom('same', 'distinct', 'in'), node: fc.nat(3), retire: fc.boolean() }),
  { maxLength: 8 },
);

/** A history with evictions in it, each naming heads as somebody who is a little behind sees them, and with edges. */
function withTurmoil(
  played: ReturnType<typeof play>,
  cuts: typeof evictions extends fc.Arbitrary<infer T> ? T : never,
  edges: typeof ties extends fc.Arbitrary<infer T> ? T : never,
): Op[] {
  const ops = [...played.ops];
  for (const [n, { by, whom, at, behind }] of cuts.entries()) {
    const author = played.routers[by];
    const peer = key(whom).peer;
    if (author === undefined || by === whom) continue;
    const heads = author.heads([peer]).flatMap((actor) =>
      actor.heads.map((head) => {
        let op = author.op(head.id);
        for (let back = 0; back < behind && op?.prev !== undefined; back++) op = author.op(op.prev);
        return { run: actor.run, id: op?.id ?? head.id, seq: op?.seq ?? head.seq };
      }),
    );
    const before = author.size;
    const draft = { at, by: 'evictor', over: [], add: [{ kind: 'evict', peer, heads } as const] };
    if (author.isMember(key(by).peer)) ops.push(author.author(key(by), run(200 + n), draft));
    expect(author.size).toBeGreaterThanOrEqual(before);
  }
  const [home] = played.routers;
  for (const { kind, node, retire } of edges) {
    if (home === undefined || !home.isMember(key(0).peer)) break;
    const id = node.toString(16).padStart(32, '0');
    const add: Record[] =
      kind === 'in'
        ? [{ kind, group: 'kids', node: { kind: 'device', id } }]
        : [{ kind: kind === 'same' ? 'same' : 'distinct', x: id, y: 'ff'.repeat(16) }];
    const over = retire ? [...home.edges()].filter(([, edge]) => edge.live).map(([name]) => name) : [];
    ops.push(home.author(key(0), run(300), { at: 1, by: 'tie', over: over.slice(0, 2), add }));
  }
  return ops;
}

describe('a start from pages', () => {
  it('gives what the ops themselves give, whatever happened, and goes on alike', () => {
    fc.assert(
      fc.property(
        actions,
        evictions,
        ties,
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.nat(1_000), { minLength: 1, maxLength: 10 }),
        fc.nat(100),
        (script, cuts, edges, pageOps, order, share) => {
          const ops = withTurmoil(play(script), cuts, edges);
          const shuffled = order.flatMap((first, turn) => {
            const from = (first + turn) % order.length;
            return ops.filter((_, n) => n % order.length === from);
          });
          const first = shuffled.slice(0, Math.ceil((shuffled.length * share) / 100));
          const kept = new Kept();
          const straight = replicaOn(kept, pageOps);
          feed(
            straight,
            [...first, ...ops.slice(0, first.length)].map((op) => op.envelope),
          );
          const half = straight.heads([...straight.peerDigests().keys()]);
          const pages = Math.floor(straight.size / pageOps);
          for (const count of new Set([0, pages >> 1, pages])) {
            const copy = resumed(
              straight,
              { envelopes: [...kept.envelopes], read: (n) => kept.envelopes[n] },
              pageOps,
              count,
            );
            expect(wordsOf(copy, ops, half)).toEqual(wordsOf(straight, ops, half));
          }
          const copy = resumed(straight, kept, pageOps, pages);
          feed(
            straight,
            ops.map((op) => op.envelope),
          );
          feed(
            copy,
            ops.map((op) => op.envelope),
          );
          expect(wordsOf(copy, ops, half)).toEqual(wordsOf(straight, ops, half));
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it('with rubbish for pages never throws', () => {
    const kept = new Kept();
    const source = replicaOn(kept, 2);
    for (let n = 0; n < 6; n++)
      source.author(key(0), run(1), { at: n, by: 'x', over: [], add: [{ kind: 'leave' }] });
    const pages = [0, 1, 2].map((index) => source.page(index) ?? new Uint8Array(0));
    const rubbish = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(...pages),
      fc.tuple(fc.constantFrom(...pages), fc.nat(200), fc.nat(255)).map(([page, at, to]) => {
        const copy = Uint8Array.from(page);
        copy[at % copy.length] = to;
        return copy;
      }),
    );
    fc.assert(
      fc.property(fc.array(rubbish, { maxLength: 4 }), (bytes) => {
        const { ok } = replicaOn(kept, 2).resume(bytes);
        expect(typeof ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
});
