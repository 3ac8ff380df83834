import { describe, expect, it } from 'vitest';
import { Asks, MAX_ASKS, Question } from '../../../../src/p2p/alive/asks.ts';

const peers = (from: number, count: number) => Array.from({ length: count }, (_, i) => `p${from + i}`);

describe('whom others are asked for', () => {
  it('stays for 30 s when there are more than fit, and then it is the turn of the next', () => {
    const asks = new Asks();
    const others = peers(0, 100);
    const first = asks.choose([], others, 0);
    expect(first).toEqual(peers(0, 64));
    for (let now = 1_000; now < 30_000; now += 1_000) expect(asks.choose([], others, now)).toEqual(first);
    expect(asks.choose([], others, 30_000)).toEqual([...peers(64, 36), ...peers(0, 28)]);
    expect(asks.choose([], others, 59_000)).toEqual([...peers(64, 36), ...peers(0, 28)]);
  });

  it('changes at once for suspects, and by as many as there are of them', () => {
    const asks = new Asks();
    const others = peers(0, 100);
    asks.choose([], others, 0);
    const after = asks.choose(['s1', 's2'], others, 100);
    expect(after).toEqual(['s1', 's2', ...peers(0, 62)]);
    expect(asks.choose([], others, 200)).toEqual([...peers(0, 62), 'p64', 'p65']);
  });

  it('gives the place of one that needs it no more to the next', () => {
    const asks = new Asks();
    asks.choose([], peers(0, 100), 0);
    const others = peers(0, 100).filter((peer) => peer !== 'p3');
    const after = asks.choose([], others, 1_000);
    expect(after).toHaveLength(MAX_ASKS);
    expect(after).not.toContain('p3');
    expect(new Set(after).size).toBe(MAX_ASKS);
  });

  it('is everybody when they fit, at most 64 suspects, and nobody when there is nobody', () => {
    const asks = new Asks();
    expect(asks.choose(['s'], peers(0, 63), 0)).toHaveLength(64);
    expect(new Set(asks.choose(['s'], peers(0, 63), 31_000)).size).toBe(64);
    expect(asks.choose(peers(0, 70), peers(70, 5), 32_000)).toEqual(peers(0, 64));
    expect(asks.choose([], [], 64_000)).toEqual([]);
  });

  it('lets everybody have a turn', () => {
    const asks = new Asks();
    const asked = new Set<string>();
    for (let now = 0; now < 5 * 30_000; now += 30_000)
      for (const peer of asks.choose(['s'], peers(0, 300), now)) asked.add(peer);
    expect(asked.size).toBe(301);
  });
});

describe('a question', () => {
  it('is said in full until the other side says that it remembers, then only when it is another', () => {
    const question = new Question();
    const full = { asks: ['a', 'b'], again: false };
    expect(question.next(['a', 'b'])).toEqual(full);
    expect(question.next(['a', 'b'])).toEqual(full);
    question.isRemembered = true;
    expect(question.next(['a', 'b'])).toEqual({ asks: [], again: true });
    expect(question.next(['b', 'a'])).toEqual({ asks: [], again: true });
    expect(question.next(['a', 'c'])).toEqual({ asks: ['a', 'c'], again: false });
    expect(question.next(['a'])).toEqual({ asks: ['a'], again: false });
  });

  it('for nobody says neither', () => {
    const question = new Question();
    question.isRemembered = true;
    question.next(['a']);
    for (let i = 0; i < 2; i++) expect(question.next([])).toEqual({ asks: [], again: false });
    expect(question.next(['a'])).toEqual({ asks: ['a'], again: false });
  });
});
