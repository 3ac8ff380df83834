import { describe, expect, it, vi } from 'vitest';
import { Turns } from '../../../src/control/turns.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function world() {
  const clock = new FakeClock();
  const turns = new Turns(clock);
  const done: string[] = [];
  /** Work that takes so long. */
  const work = (name: string, ms: number) => () => {
    done.push(name);
    void clock.advance(ms);
  };
  return { turns, done, work };
}

describe('turns', () => {
  it('come at once when nobody waits, and in order', async () => {
    const { turns, done, work } = world();
    const line = turns.line();
    line.add(work('a', 1));
    expect(done).toEqual(['a']);
    for (const name of ['b', 'c', 'd']) line.add(work(name, 1));
    expect([done, line.waiting]).toEqual([['a'], 3]);
    await vi.waitFor(() => expect(done).toEqual(['a', 'b', 'c', 'd']));
    expect(line.waiting).toBe(0);
  });

  it('go to who has had least: who asks once is not behind who asks a hundred things', async () => {
    const { turns, done, work } = world();
    const greedy = Array.from({ length: 10 }, () => turns.line());
    for (const [index, line] of greedy.entries()) for (let i = 0; i < 64; i++) line.add(work(`${index}`, 5));
    await vi.waitFor(() => expect(done.length).toBeGreaterThan(100));
    const before = done.length;
    turns.line().add(work('honest', 1));
    await vi.waitFor(() => expect(done).toHaveLength(641));
    // At most one of each stands before it, and what was under way.
    expect(done.indexOf('honest') - before).toBeLessThanOrEqual(11);
    const first = done.slice(0, 100).filter((name) => name === '0').length;
    expect(first).toBeGreaterThan(5);
    expect(first).toBeLessThan(15);
  });

  it('are given to dear and to cheap questions by the time that they take', async () => {
    const { turns, done, work } = world();
    const [dear, cheap] = [turns.line(), turns.line()];
    for (let i = 0; i < 10; i++) dear.add(work('dear', 100));
    for (let i = 0; i < 100; i++) cheap.add(work('cheap', 10));
    await vi.waitFor(() => expect(done).toHaveLength(110));
    const share = done.slice(0, 55).filter((name) => name === 'dear').length;
    expect(share).toBeGreaterThanOrEqual(4);
    expect(share).toBeLessThanOrEqual(6);
  });

  it('are not given to who has gone, and go on for the others', async () => {
    const { turns, done, work } = world();
    const [goes, stays] = [turns.line(), turns.line()];
    for (let i = 0; i < 5; i++) {
      goes.add(work('goes', 1));
      stays.add(work('stays', 1));
    }
    goes.clear();
    await vi.waitFor(() => expect(done.filter((name) => name === 'stays')).toHaveLength(5));
    expect(done.filter((name) => name === 'goes')).toHaveLength(1);
    goes.add(work('again', 1));
    expect(done.at(-1)).toBe('again');
  });
});
