import { describe, expect, it } from 'vitest';
import type { Archive } from '../../../src/policy/archive.ts';
import { encodeOp, type Op } from '../../../src/policy/op.ts';
import type { Head, Record } from '../../../src/policy/records.ts';
import { Replica } from '../../../src/policy/replica.ts';
import {
  admitAll,
  blockOf,
  crypto,
  deliver,
  genesis,
  key,
  recovery,
  replica,
  run,
} from '../../support/household.ts';

const draft = (add: Record[], over: string[] = []) => ({ at: 1, by: 'test', over, add });
const same = (n: number): Record => ({
  kind: 'same',
  x: n.toString(16).padStart(32, '0'),
  y: 'ff'.repeat(16),
});

/** An archive that counts what is read of it, and can lose it. */
class CountingArchive implements Archive {
  readonly envelopes: (Uint8Array | undefined)[] = [];
  reads = 0;

  read(n: number): Uint8Array | undefined {
    this.reads += 1;
    return this.envelopes[n];
  }
}

function counting(pageOps = 4): { home: Replica; archive: CountingArchive } {
  const archive = new CountingArchive();
  const onAdmitted = (op: Op, n: number) => {
    archive.envelopes[n] = op.envelope;
  };
  return { home: new Replica({ genesis, crypto, archive, onAdmitted, pageOps }), archive };
}

function resumed(from: Replica, archive: Archive, pageOps = 4) {
  const pages: Uint8Array[] = [];
  for (let page = from.page(0); page !== undefined; page = from.page(pages.length)) pages.push(page);
  const home = new Replica({ genesis, crypto, archive, pageOps });
  return { home, verdict: home.resume(pages), pages };
}

describe('a replica with an archive', () => {
  it('reads no op to fold, and one to show it', () => {
    const { home, archive } = counting();
    for (let n = 0; n < 20; n++)
      home.author(key(0), run(1), draft([blockOf(n, 'a.example')], [...home.live.keys()]));
    expect(archive.reads).toBe(0);
    expect([...home.recent(3)].map((op) => op.seq)).toEqual([20, 19, 18]);
    expect(archive.reads).toBe(3 - 1);
    const third = [...home.recent(18)].at(-1);
    expect(third?.seq).toBe(3);
    expect([...home.recent(10, third?.id)].map((op) => op.seq)).toEqual([2, 1]);
    expect([...home.recent(10, 'unheard of')]).toEqual([]);
    expect(home.op(third?.id ?? '')?.seq).toBe(3);
    expect(home.retiredBy(`${third?.id}/0`)).toBe([...home.recent(17)].at(-1)?.id);
    expect(home.retiredBy(`${third?.id}/1`)).toBeUndefined();
  });

  it('resumes with no more reads than there are ops whose contents somebody asks for', () => {
    const { home, archive } = counting();
    admitAll(home, [1]);
    for (let n = 0; n < 39; n++) {
      const over = home.live.size > 3 ? [[...home.live.keys()].at(0) ?? ''] : [];
      home.author(key(n % 2), run(n % 2), draft([n === 5 ? same(1) : blockOf(n, 'a.example')], over));
    }
    archive.reads = 0;
    const { home: copy, verdict, pages } = resumed(home, archive);
    expect(verdict.ok).toBe(true);
    expect(pages).toHaveLength(10);
    expect(copy.size).toBe(40);
    expect(archive.reads).toBeLessThanOrEqual(1 + 4 + 1 + 1);
    expect([...copy.live.keys()]).toEqual([...home.live.keys()]);
    expect([...copy.edges()]).toEqual([...home.edges()]);
  });

  it('is of no use when what holds cannot be read', () => {
    const { home, archive } = counting();
    admitAll(home, [1]);
    for (let n = 0; n < 11; n++) home.author(key(0), run(1), draft([blockOf(n, 'a.example')]));
    const whole = archive.envelopes[0];
    for (const lost of [0, 3]) {
      archive.envelopes[lost] = undefined;
      expect(resumed(home, archive).verdict).toMatchObject({ ok: false });
      archive.envelopes[lost] = archive.envelopes[lost === 0 ? 1 : 0];
      expect(resumed(home, archive).verdict).toMatchObject({ ok: false });
      if (lost === 0) archive.envelopes[0] = whole;
    }
  });

  it('refuses pages that are rubbish, twice the same, or too late', () => {
    const { home, archive } = counting();
    for (let n = 0; n < 8; n++) home.author(key(0), run(1), draft([blockOf(n, 'a.example')]));
    const { pages } = resumed(home, archive);
    const fresh = () => new Replica({ genesis, crypto, archive, pageOps: 4 });
    expect(fresh().resume([Uint8Array.of(1, 2, 3)])).toMatchObject({ ok: false });
    expect(fresh().resume([pages[0] ?? new Uint8Array(0), pages[0] ?? new Uint8Array(0)]).ok).toBe(false);
    expect(home.resume(pages)).toMatchObject({ ok: false });
    expect(home.page(2)).toBeUndefined();
  });
});

describe('edges', () => {
  it('stay when they are retired, and say so', () => {
    const home = replica();
    const { edgesVersion, liveVersion } = home;
    const merge = home.author(key(0), run(1), draft([same(1), same(2)]));
    expect(home.edgesVersion).toBeGreaterThan(edgesVersion);
    expect(home.liveVersion).toBeGreaterThan(liveVersion);
    const between = home.edgesVersion;
    home.author(key(0), run(1), draft([blockOf(1, 'a.example')]));
    expect(home.edgesVersion).toBe(between);
    home.author(key(0), run(1), draft([], [`${merge.id}/0`]));
    expect(home.edgesVersion).toBeGreaterThan(between);
    expect([...home.edges()].map(([id, { live, op, peer }]) => [id, live, op, peer])).toEqual([
      [`${merge.id}/0`, false, merge.id, key(0).peer],
      [`${merge.id}/1`, true, merge.id, key(0).peer],
    ]);
    const before = home.liveVersion;
    home.author(key(0), run(1), draft([], [`${merge.id}/0`]));
    expect(home.liveVersion).toBe(before);
  });

  it('of a member count as long as it does, and come back with it', () => {
    const { home, archive } = counting();
    admitAll(home, [1, 2]);
    const merge = home.author(key(1), run(2), draft([same(1)]));
    const split = home.author(key(2), run(3), draft([], [`${merge.id}/0`]));
    expect(home.edges().get(`${merge.id}/0`)?.live).toBe(false);
    archive.reads = 0;
    home.author(key(0), run(1), draft([{ kind: 'evict', peer: key(2).peer, heads: [] }]));
    expect(home.counts(split.id)).toBe(false);
    expect(home.edges().get(`${merge.id}/0`)?.live).toBe(true);
    expect(home.live.get(`${merge.id}/0`)?.op.peer).toBe(key(1).peer);
    expect(archive.reads).toBe(1);
    expect([...home.live.values()].at(-1)?.record.kind).toBe('evict');
    home.author(key(0), run(1), draft([{ kind: 'evict', peer: key(1).peer, heads: [] }]));
    expect(home.edges().size).toBe(0);
    expect(home.holds(merge.id)).toBe(true);
  });
});

describe('what is missing', () => {
  it('costs what differs: a long chain is not walked', () => {
    const { home, archive } = counting();
    const ops = Array.from({ length: 500 }, (_, n) =>
      home.author(key(0), run(1), draft([blockOf(n, 'a.example')])),
    );
    archive.reads = 0;
    const peers = [key(0).peer];
    const at = (n: number) => [
      { peer: key(0).peer, run: run(1), heads: [{ id: ops[n]?.id ?? '', seq: n + 1 }] },
    ];
    expect(home.missing(at(497), peers).send).toEqual(ops.slice(498).map(({ id }) => id));
    expect(home.missing(at(499), peers).send).toEqual([]);
    expect(home.missing([], peers).send).toHaveLength(500);
    expect(archive.reads).toBe(0);
  });
});

describe('an evicted admin', () => {
  it('whose admissions count has one head behind what does not count, and is handed on whole', () => {
    const home = replica();
    admitAll(home, [1, 2]);
    const [senior, junior] = key(1).peer < key(2).peer ? [key(1), key(2)] : [key(2), key(1)];
    const admit = (n: number): Record => ({ kind: 'admit', peer: key(n).peer, admin: false });
    const first = home.author(senior, run(2), draft([admit(3)]));
    const block = home.author(senior, run(2), draft([blockOf(1, 'a.example')]));
    const last = home.author(senior, run(2), draft([admit(4)]));
    home.author(junior, run(3), draft([{ kind: 'evict', peer: senior.peer, heads: [] }]));
    expect([first, block, last].map((op) => home.counts(op.id))).toEqual([true, false, true]);
    expect(home.heads([senior.peer])).toEqual([
      { peer: senior.peer, run: run(2), heads: [{ id: last.id, seq: 3 }] },
    ]);
    expect(home.missing([], [senior.peer]).send).toEqual([first.id, block.id, last.id]);
    const other = replica();
    for (let round = 0; round < 3; round++) deliver(home, other);
    expect(other.digest).toBe(home.digest);
    expect([...other.live.keys()].sort()).toEqual([...home.live.keys()].sort());
  });
});

describe('a name', () => {
  it('of a record that is not here yet retires it when it comes, if the op that names it counts', () => {
    const source = replica();
    admitAll(source, [1, 2]);
    const block = source.author(key(1), run(2), draft([blockOf(1, 'a.example'), blockOf(2, 'a.example')]));
    const lift = source.author(key(2), run(3), draft([], [`${block.id}/0`]));
    const home = replica();
    for (const op of [...source.recent(2, block.id)].reverse()) home.admit(op.envelope);
    home.admit(lift.envelope);
    expect(home.retiredBy(`${block.id}/0`)).toBe(lift.id);
    home.admit(block.envelope);
    expect(home.live.has(`${block.id}/0`)).toBe(false);
    expect(home.live.has(`${block.id}/1`)).toBe(true);
    expect(home.retiredBy(`${block.id}/0`)).toBe(lift.id);
  });
});

describe('an eviction that comes before the head it names', () => {
  const evict = (n: number, heads: Head[]) => draft([{ kind: 'evict', peer: key(n).peer, heads }]);
  const headsOf = (home: Replica, n: number): Head[] =>
    home
      .heads([key(n).peer])
      .flatMap(({ run: of, heads }) => heads.map(({ id, seq }) => ({ run: of, id, seq })));

  it('lets nothing through: what leads there goes on adding, whoever it admitted stays', () => {
    const source = replica();
    admitAll(source, [1, 2]);
    const old = source.author(key(0), run(1), draft([blockOf(1, 'a.example')]));
    const late = replica();
    for (const op of [...source.recent(100)].reverse()) late.admit(op.envelope);
    const last = source.author(key(0), run(1), draft([blockOf(2, 'a.example')]));
    const cut = source.author(recovery, run(9), evict(0, headsOf(source, 0)));
    expect(late.admit(cut.envelope).verdict).toBe('ok');
    expect(late.live.has(`${old.id}/0`)).toBe(true);
    expect(late.isMember(key(1).peer)).toBe(true);
    late.admit(last.envelope);
    expect([...late.live.keys()].sort()).toEqual([...source.live.keys()].sort());
    expect(late.digest).toBe(source.digest);
  });

  it('lifts nothing by what may turn out not to count', () => {
    const source = replica();
    admitAll(source, [1]);
    const block = source.author(key(0), run(1), draft([blockOf(1, 'a.example')]));
    const first = source.author(key(1), run(2), draft([blockOf(2, 'a.example')]));
    source.author(key(1), run(2), draft([blockOf(3, 'a.example')]));
    const cut = source.author(key(0), run(1), evict(1, headsOf(source, 1)));
    const late = replica();
    for (const op of [...source.recent(100)].reverse()) {
      if (op.peer === key(0).peer || op.id === first.id) late.admit(op.envelope);
    }
    expect(late.counts(cut.id)).toBe(true);
    const actor = { home: late.home, peer: first.peer, run: first.run, seq: 2, prev: first.id };
    const fork = encodeOp(actor, draft([], [`${block.id}/0`]), key(1).sign);
    expect(late.admit(fork).verdict).toBe('ok');
    expect(late.live.has(`${block.id}/0`)).toBe(true);
  });

  it('is folded anew once, when the head arrives', () => {
    const source = replica();
    admitAll(source, [1]);
    const ops = Array.from({ length: 300 }, (_, n) =>
      source.author(key(1), run(2), draft([blockOf(n, 'a.example')])),
    );
    source.author(key(0), run(1), evict(1, headsOf(source, 1)));
    const late = replica();
    for (const op of [...source.recent(1_000)].filter(({ peer }) => peer === key(0).peer).reverse())
      late.admit(op.envelope);
    for (const op of ops.slice(0, -1)) expect(late.admit(op.envelope).verdict).toBe('ok');
    expect(late.live.size).toBe(source.live.size - 1);
    late.admit(ops.at(-1)?.envelope ?? new Uint8Array(0));
    expect(late.live.size).toBe(source.live.size);
    expect(late.digest).toBe(source.digest);
  });
});
