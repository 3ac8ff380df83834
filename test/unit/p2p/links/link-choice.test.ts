import { describe, expect, it } from 'vitest';
import { LinkChoice, type LinkFacts } from '../../../../src/p2p/links/link-choice.ts';

const MINUTE = 60_000;
const key = (i: number) => i.toString(16).padStart(64, '0');
const fact = (i: number, more: Partial<LinkFacts> = {}): LinkFacts => ({
  peer: key(i),
  connected: false,
  ageMs: more.connected ? 10 * MINUTE : undefined,
  bytes: 0,
  soleFor: 0,
  state: more.connected ? 'alive' : 'suspect',
  absent: false,
  ...more,
});
const facts = (count: number, more: (i: number) => Partial<LinkFacts> = () => ({})) =>
  Array.from({ length: count }, (_, i) => fact(i, more(i)));
const choice = (random = () => 0.99) => new LinkChoice({ fullMesh: 12, target: 8, random });
const tally = (reasons: ReadonlyMap<string, string>) => {
  const counts: Record<string, number> = {};
  for (const reason of reasons.values()) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
};

describe('LinkChoice', () => {
  it('wants all up to twelve routers; one more is above', () => {
    expect(tally(choice().look(0, facts(11)).reasons)).toEqual({ all: 11 });
    expect(tally(choice().look(0, facts(12)).reasons).all).toBeUndefined();
  });

  it('asks who is absent only when nobody else is there', () => {
    const absent = (i: number) => ({ absent: i === 0, connected: i > 0 });
    expect(choice().look(0, facts(5, absent)).reasons.get(key(0))).toBe('absent');
    const oneMissing = (i: number) => ({
      absent: i === 0,
      connected: i > 1,
      ...(i === 1 && { state: 'down' as const }),
    });
    expect(choice().look(0, facts(5, oneMissing)).reasons.get(key(0))).toBe('all');
    expect(
      tally(
        choice().look(
          0,
          facts(5, () => ({ absent: true })),
        ).reasons,
      ),
    ).toEqual({ all: 5 });
  });

  it('begins with the random share and two more, and goes on until the target is reached', () => {
    const it = choice(() => 0.3);
    const first = it.look(0, facts(30)).reasons;
    expect(tally(first)).toEqual({ random: 2, new: 2, surplus: 26 });
    const linked = (i: number) => ({ connected: first.get(key(i)) !== 'surplus', ageMs: 0 });
    expect(tally(it.look(1_000, facts(30, linked)).reasons)).toEqual({ new: 6, surplus: 24 });
  });

  it('replaces whom it does not get after ten seconds, or at once when it is down', () => {
    const it = choice(() => 0.3);
    const sought = (now: number, all: LinkFacts[]) =>
      [...it.look(now, all).reasons].filter(([, reason]) => reason === 'new').map(([peer]) => peer);
    const [a, b] = sought(0, facts(30));
    expect(sought(9_000, facts(30))).toEqual([a, b]);
    const dead = (i: number) => ({ state: key(i) === a ? ('down' as const) : ('suspect' as const) });
    expect(sought(9_500, facts(30, dead))).not.toContain(a);
    expect(it.look(9_500, facts(30, dead)).reasons.get(a ?? '')).toBe('dead');
  });

  it('seeks the dead only when too few others live', () => {
    const it = choice();
    const down = (live: number) => facts(30, (i) => (i < live ? { connected: true } : { state: 'down' }));
    expect(tally(it.look(0, down(8)).reasons).dead).toBe(22);
    expect(tally(it.look(0, down(5)).reasons)).toMatchObject({ new: 3, dead: 22 });
  });

  it('gives each link its reason: required before new before random before useful', () => {
    const it = choice(() => 0);
    const all = facts(20, (i) => ({
      connected: i < 10,
      soleFor: i === 9 ? 3 : 0,
      ...(i === 8 && { ageMs: MINUTE }),
      bytes: 1_000 - i,
    }));
    const { reasons, close } = it.look(0, all);
    expect(reasons.get(key(9))).toBe('required');
    expect(reasons.get(key(8))).toBe('new');
    // random() = 0 draws the first two.
    expect([0, 1].map((i) => reasons.get(key(i)))).toEqual(['random', 'random']);
    expect([2, 3, 4, 5].map((i) => reasons.get(key(i)))).toEqual(['useful', 'useful', 'useful', 'useful']);
    expect([6, 7].map((i) => reasons.get(key(i)))).toEqual(['surplus', 'surplus']);
    expect(close).toEqual([]);
  });

  it('closes the least used first, one in 30 s, and only above one and a half times the target', () => {
    const it = choice(() => 0);
    const all = (bytes: (i: number) => number) =>
      facts(30, (i) => ({ connected: i < 14, bytes: i < 14 ? bytes(i) : 0 }));
    expect(
      it.look(
        0,
        all((i) => (i === 7 ? 1 : 1_000)),
      ).close,
    ).toEqual([key(7)]);
    expect(
      it.look(
        29_000,
        all(() => 0),
      ).close,
    ).toEqual([]);
    expect(
      it.look(
        30_000,
        all((i) => (i === 11 ? 0 : 10_000)),
      ).close,
    ).toEqual([key(11)]);
    const fewer = facts(30, (i) => ({ connected: i < 12 }));
    expect(it.look(100_000, fewer).close).toEqual([]);
  });

  it('counts what was carried long ago less and less', () => {
    const it = choice(() => 0);
    const all = (bytes: (i: number) => number) =>
      facts(30, (i) => ({ connected: i < 12, bytes: i < 12 ? bytes(i) : 0 }));
    it.look(
      0,
      all((i) => (i === 11 ? 10_000 : 1)),
    );
    const more = facts(30, (i) => ({
      connected: i < 14,
      bytes: i < 11 ? 200 : 0,
      ageMs: i < 14 ? 60 * MINUTE - i : undefined,
    }));
    // Ten half-lives later.
    expect(it.look(50 * MINUTE, more).reasons.get(key(11))).toBe('surplus');
  });

  it('never has more than twice the target, unless they are required', () => {
    const young = facts(40, (i) => ({ connected: i < 20, ...(i < 20 && { ageMs: 1_000 + i }) }));
    // The youngest go.
    const { close, reasons } = choice().look(0, young);
    expect(close).toEqual([0, 1, 2, 3].map(key));
    // Nor are they dialled again.
    expect(close.map((peer) => reasons.get(peer))).toEqual(close.map(() => 'surplus'));
    const needed = facts(40, (i) => ({ connected: i < 20, soleFor: i < 20 ? 1 : 0 }));
    expect(choice().look(0, needed).close).toEqual([]);
  });

  it('asks nobody again for ten minutes who parted, and leaves a link alone that came back', () => {
    const it = choice(() => 0);
    const many = (age: (i: number) => number) =>
      facts(30, (i) => ({ connected: i < 14, ...(i < 14 && { ageMs: age(i), bytes: i === 7 ? 0 : 100 }) }));
    expect(
      it.look(
        0,
        many(() => 10 * MINUTE),
      ).close,
    ).toEqual([key(7)]);
    // The other side dialled again, and it is no longer young.
    expect(
      it.look(
        5 * MINUTE,
        many((i) => (i === 7 ? 3 * MINUTE : 15 * MINUTE)),
      ).close,
    ).not.toEqual([key(7)]);

    const other = choice(() => 0);
    other.parted(key(0), 0);
    other.parted(key(1), 0);
    const reasons = other.look(1_000, facts(30)).reasons;
    expect([0, 1].map((i) => reasons.get(key(i)))).toEqual(['surplus', 'surplus']);
    expect(other.look(11 * MINUTE, facts(30)).reasons.get(key(0))).not.toBe('surplus');
  });

  it('seeks nobody else at once for whom had no room: all may have none', () => {
    const it = choice(() => 0.3);
    const sought = (now: number) =>
      [...it.look(now, facts(30)).reasons].flatMap(([peer, reason]) => (reason === 'surplus' ? [] : [peer]));
    const first = sought(0);
    expect(first).toHaveLength(4);
    for (const peer of first) it.parted(peer, 500);
    expect(sought(1_000)).toEqual([]);
    expect(sought(10_000)).toEqual([]);
    const next = sought(11_000);
    expect(next).toHaveLength(4);
    expect(next.filter((peer) => first.includes(peer))).toEqual([]);
  });

  it('draws of those it has while these are too many', () => {
    for (const random of [0, 0.5, 0.99]) {
      const few = choice(() => random).look(
        0,
        facts(30, (i) => ({ connected: i >= 18, bytes: 1 })),
      );
      const reasons = [...few.reasons].filter(([, reason]) => reason === 'random').map(([peer]) => peer);
      expect(reasons).toHaveLength(2);
      for (const peer of reasons) expect(peer >= key(18)).toBe(true);
    }
  });
});
