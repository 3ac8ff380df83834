import { describe, expect, it } from 'vitest';
import { homeIdOf } from '../../src/policy/genesis.ts';
import { decodeOp, encodeOp, type Op } from '../../src/policy/op.ts';
import type { Record } from '../../src/policy/records.ts';
import { blockOf, crypto, genesis, key, recovery, run } from '../support/household.ts';
import { judge } from './oracle.ts';

const home = homeIdOf(genesis, crypto);
const block = blockOf(1, 'a.example');

/** An op made by hand: the oracle must not lean on what it judges. */
function op(by: typeof recovery, after: Op | undefined, add: Record[], over: string[] = [], of = run(1)): Op {
  const actor = { home, peer: by.peer, run: after?.run ?? of, seq: (after?.seq ?? 0) + 1, prev: after?.id };
  const decoded = decodeOp(encodeOp(actor, { at: 1, by: 't', over, add }, by.sign), home, crypto);
  if (!decoded.ok) throw new Error(decoded.why);
  return decoded.op;
}

const admit = (n: number, admin = true): Record => ({ kind: 'admit', peer: key(n).peer, admin });
const evict = (n: number, ...heads: Op[]): Record => ({
  kind: 'evict',
  peer: key(n).peer,
  heads: heads.map(({ run: of, seq, id }) => ({ run: of, seq, id })),
});
const live = (...ops: Op[]) => judge(genesis, ops.map(({ envelope }) => envelope).reverse()).live;
const isMember = (n: number, ...ops: Op[]) =>
  judge(
    genesis,
    ops.map(({ envelope }) => envelope),
  ).members.has(key(n).peer);
const first = (one: Op) => `${one.id}/0`;

describe('the oracle', () => {
  const invited = op(key(0), undefined, [admit(1), admit(2)]);
  const written = op(key(1), undefined, [block]);

  it('lets a block live until an op that counts names it', () => {
    const lifted = op(key(2), undefined, [], [first(written)]);
    expect(live(invited, written)).toContain(first(written));
    expect(live(invited, written, lifted)).not.toContain(first(written));
  });

  it('hears no stranger, and nobody whom no admin has admitted', () => {
    const guest = op(key(0), undefined, [admit(3, false)]);
    const byGuest = op(key(3), undefined, [admit(4)]);
    expect(live(written)).toEqual([]);
    expect(isMember(3, guest)).toBe(true);
    expect(isMember(4, guest, byGuest)).toBe(false);
  });

  it('waits for the ops before', () => {
    const second = op(key(1), written, [block]);
    expect(live(invited, second)).not.toContain(first(second));
    expect(live(invited, second, written)).toContain(first(second));
  });

  it('spares of an evicted peer what is under a named head, and no fork of it', () => {
    const second = op(key(1), written, [block]);
    const fork = op(key(1), written, [blockOf(2, 'fork.example')]);
    const other = op(key(1), undefined, [block], [], run(7));
    const out = op(key(0), invited, [evict(1, second)]);
    const all = [invited, written, second, fork, other, out];
    expect(live(...all)).toEqual(expect.arrayContaining([first(written), first(second)]));
    for (const cut of [fork, other]) expect(live(...all)).not.toContain(first(cut));
    expect(isMember(1, ...all)).toBe(false);
  });

  it('gives way to seniors: the founder over those it admitted, the recovery key over the founder', () => {
    const junior = op(key(1), undefined, [evict(0)], [], run(5));
    const senior = op(key(0), invited, [evict(1)]);
    expect(isMember(0, invited, junior)).toBe(false);
    expect(isMember(0, invited, junior, senior)).toBe(true);
    expect(isMember(1, invited, junior, senior)).toBe(false);
    const paper = op(recovery, undefined, [evict(0, invited)]);
    expect(isMember(0, invited, junior, senior, paper)).toBe(false);
    expect(isMember(2, invited, junior, senior, paper)).toBe(true);
  });

  it('counts what somebody wrote who has left', () => {
    const left = op(key(1), written, [{ kind: 'leave' }]);
    expect(live(invited, written, left)).toContain(first(written));
    expect(isMember(1, invited, written, left)).toBe(false);
  });
});
