import { describe, expect, it } from 'vitest';
import type { Draft, Op } from '../../../src/policy/op.ts';
import type { Record } from '../../../src/policy/records.ts';
import type { Replica } from '../../../src/policy/replica.ts';
import { admitAll, blockOf, crypto, deliver, key, recovery, replica, run } from '../../support/household.ts';

const draft = (add: Record[], over: string[] = []): Draft => ({ at: 1, by: 'test', over, add });
const evict = (of: Replica, peer: string): Record => ({
  kind: 'evict',
  peer,
  heads: of.heads([peer]).flatMap(({ run: r, heads }) => heads.map(({ id, seq }) => ({ run: r, id, seq }))),
});

/** Copies everything that counts from one replica to another, both ways. */
function meet(a: Replica, b: Replica): void {
  for (let round = 0; round < 3; round++) {
    deliver(a, b);
    deliver(b, a);
  }
}

describe('membership', () => {
  it('begins with the recovery key and the founder', () => {
    const home = replica();
    expect(home.isMember(key(0).peer)).toBe(true);
    expect(home.members().map(({ depth }) => depth)).toEqual([-1, 0]);
    expect(home.isMember(key(1).peer)).toBe(false);
  });

  it('refuses a stranger and stores nothing of it', () => {
    const home = replica();
    const other = replica();
    admitAll(other, [1]);
    const op = other.author(key(1), run(2), draft([blockOf(1, 'a.example')]));
    expect(home.admit(op.envelope).verdict).toBe('stranger');
    expect(home.size).toBe(0);
    meet(home, other);
    expect(home.digest).toBe(other.digest);
    expect(home.live.has(`${op.id}/0`)).toBe(true);
  });

  it('does not let a member admit that is no admin', () => {
    const home = replica();
    home.author(key(0), run(1), draft([{ kind: 'admit', peer: key(1).peer, admin: false }]));
    home.author(key(1), run(2), draft([{ kind: 'admit', peer: key(2).peer, admin: true }]));
    expect(home.isMember(key(2).peer)).toBe(false);
    home.author(key(0), run(1), draft([{ kind: 'admit', peer: key(1).peer, admin: true }]));
    expect(home.isMember(key(2).peer)).toBe(true);
  });

  it('asks for the op before: gap', () => {
    const source = replica();
    const [, second] = admitAll(source, [1, 2]);
    expect(replica().admit(second?.envelope ?? new Uint8Array(0)).verdict).toBe('gap');
  });

  it('lets count of an evicted member what was under the named heads, in any order (P8)', () => {
    const source = replica();
    admitAll(source, [1]);
    const before = source.author(key(1), run(2), draft([blockOf(1, 'before.example')]));
    const thief = replica();
    meet(source, thief);
    source.author(key(0), run(1), draft([evict(source, key(1).peer)]));
    const after = thief.author(key(1), run(2), draft([blockOf(1, 'after.example')]));
    const backdated = thief.author(key(1), run(3), draft([], [`${before.id}/0`]));
    for (const op of [after, backdated]) expect(source.admit(op.envelope).verdict).toBe('cut');
    meet(source, thief);
    expect(thief.digest).toBe(source.digest);
    for (const home of [source, thief]) {
      expect(home.live.has(`${before.id}/0`)).toBe(true);
      expect(home.live.has(`${after.id}/0`)).toBe(false);
      expect(home.isMember(key(1).peer)).toBe(false);
    }
  });

  it('gives back a block that an evicted member lifted after the named heads', () => {
    const home = replica();
    admitAll(home, [1, 2]);
    const block = home.author(key(2), run(4), draft([blockOf(1, 'a.example')]));
    const heads = evict(home, key(1).peer);
    home.author(key(1), run(2), draft([], [`${block.id}/0`]));
    expect(home.live.has(`${block.id}/0`)).toBe(false);
    home.author(key(0), run(1), draft([heads]));
    expect(home.live.has(`${block.id}/0`)).toBe(true);
  });

  it('decides mutual evictions by seniority, in both orders (P9)', () => {
    const base = replica();
    admitAll(base, [1, 2]);
    const left = replica();
    const right = replica();
    meet(base, left);
    meet(base, right);
    const senior = key(1).peer < key(2).peer ? 1 : 2;
    const junior = 3 - senior;
    const bySenior = left.author(key(senior), run(5), draft([evict(left, key(junior).peer)]));
    const byJunior = right.author(key(junior), run(6), draft([evict(right, key(senior).peer)]));
    const orders: Op[][] = [
      [bySenior, byJunior],
      [byJunior, bySenior],
    ];
    const results = orders.map((ops) => {
      const home = replica();
      meet(base, home);
      for (const op of ops) home.admit(op.envelope);
      return home;
    });
    for (const home of results) {
      expect(home.isMember(key(senior).peer)).toBe(true);
      expect(home.isMember(key(junior).peer)).toBe(false);
      expect(home.digest).toBe(results[0]?.digest);
    }
  });

  it('knows whom an evicted admin had admitted when the eviction comes first and the named head last', () => {
    const source = replica();
    const admitted = admitAll(source, [1]);
    const last = source.author(key(0), run(1), draft([blockOf(1, 'a.example')]));
    const evicted = source.author(recovery, run(9), draft([evict(source, key(0).peer)]));
    const late = replica();
    for (const op of [evicted, ...admitted, last]) expect(late.admit(op.envelope).verdict).toBe('ok');
    expect(late.isMember(key(1).peer)).toBe(true);
    expect(late.digest).toBe(source.digest);
  });

  it('lets the recovery key evict a stolen founder and admit another', () => {
    const home = replica();
    admitAll(home, [1]);
    home.author(
      recovery,
      run(9),
      draft([evict(home, key(0).peer), { kind: 'admit', peer: key(3).peer, admin: true }]),
    );
    expect(home.isMember(key(0).peer)).toBe(false);
    expect(home.isMember(key(1).peer)).toBe(true);
    expect(home.isMember(key(3).peer)).toBe(true);
  });

  it('keeps what a member wrote that left', () => {
    const home = replica();
    admitAll(home, [1]);
    const block = home.author(key(1), run(2), draft([blockOf(1, 'a.example')]));
    home.author(key(1), run(2), draft([{ kind: 'leave' }]));
    expect(home.isMember(key(1).peer)).toBe(false);
    expect(home.live.has(`${block.id}/0`)).toBe(true);
  });

  it('counts both ops of a fork, with equal digests (P10)', () => {
    const base = replica();
    admitAll(base, [1]);
    const one = replica();
    const two = replica();
    meet(base, one);
    meet(base, two);
    const a = one.author(key(1), run(2), draft([blockOf(1, 'a.example')]));
    const b = two.author(key(1), run(2), draft([blockOf(1, 'b.example')]));
    expect([a.seq, b.seq]).toEqual([1, 1]);
    meet(one, two);
    expect(one.digest).toBe(two.digest);
    for (const home of [one, two]) for (const op of [a, b]) expect(home.live.has(`${op.id}/0`)).toBe(true);
  });

  it('knows itself by its hash', () => {
    expect(replica().home).toMatch(/^[0-9a-f]{64}$/);
    expect(crypto.verify(key(0).peer, new Uint8Array(1), key(0).sign(new Uint8Array(1)))).toBe(true);
  });
});

describe('delta', () => {
  it('costs what differs: a router that is behind sends nothing of the chain that it lacks', () => {
    const ahead = replica();
    const behind = replica();
    const ops = Array.from({ length: 20 }, (_, n) =>
      ahead.author(key(0), run(1), draft([blockOf(n, 'a.example')])),
    );
    for (const op of ops.slice(0, 12)) behind.admit(op.envelope);
    const peers = [key(0).peer];
    expect(behind.missing(ahead.heads(peers), peers)).toEqual({ send: [], deferred: peers });
    expect(ahead.missing(behind.heads(peers), peers).send).toEqual(ops.slice(12).map(({ id }) => id));
  });

  it('costs the chain once for a fork', () => {
    const one = replica();
    const two = replica();
    const shared = one.author(key(0), run(1), draft([blockOf(1, 'a.example')]));
    two.admit(shared.envelope);
    const a = one.author(key(0), run(1), draft([blockOf(2, 'a.example')]));
    two.author(key(0), run(1), draft([blockOf(3, 'a.example')]));
    const peers = [key(0).peer];
    expect(one.missing(two.heads(peers), peers).send).toEqual([shared.id, a.id]);
  });
});
