import { describe, expect, it } from 'vitest';
import {
  AwakeClock,
  clampTolerance,
  DEFAULT_TOLERANCE_MS,
  Liveness,
  MAX_TOLERANCE_MS,
  MIN_TOLERANCE_MS,
  TICK_MS,
} from '../../../src/p2p/liveness.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Ticks as the agent does; answers who went down, with the time at which it was seen. */
async function run(clock: FakeClock, liveness: Liveness, ms: number): Promise<[string, number][]> {
  const down: [string, number][] = [];
  for (let t = 0; t < ms; t += TICK_MS) {
    await clock.advance(TICK_MS);
    for (const peer of liveness.tick()) down.push([peer, clock.monotonic()]);
  }
  return down;
}

describe('Liveness', () => {
  it('calls a silent peer down after the tolerance, once, and alive again when it is heard', async () => {
    const clock = new FakeClock();
    const liveness = new Liveness(clock);
    expect(liveness.of('a').state).toBe('unknown');
    expect(liveness.heard('a')).toBe(true);
    expect(liveness.heard('a')).toBe(false);
    expect(await run(clock, liveness, 6_000)).toEqual([]);
    expect(await run(clock, liveness, 2_000)).toEqual([['a', 6_100]]);
    expect(liveness.of('a')).toMatchObject({ state: 'down', sinceMs: 1_900 });
    expect(liveness.heard('a')).toBe(true);
    expect(liveness.of('a')).toMatchObject({ state: 'alive', sinceMs: 0 });
  });

  it('never calls a peer down of which it has not heard', async () => {
    const clock = new FakeClock();
    const liveness = new Liveness(clock);
    liveness.announced('a', 5_000);
    expect(await run(clock, liveness, 20_000)).toEqual([]);
    expect(liveness.of('a').state).toBe('unknown');
  });

  it('declares nobody down after this process was stopped, and still notices a death later', async () => {
    const clock = new FakeClock();
    const liveness = new Liveness(clock);
    liveness.heard('a');
    await run(clock, liveness, 1_000);
    await clock.advance(60_000);
    expect(liveness.tick()).toEqual([]);
    // The minute counted as 250 ms.
    const down = await run(clock, liveness, 6_000);
    expect(down).toEqual([['a', 61_000 + 4_800]]);
  });

  it('notices a death although the process stalls again and again', async () => {
    const clock = new FakeClock();
    const liveness = new Liveness(clock);
    liveness.heard('a');
    let down: string[] = [];
    for (let i = 0; i < 100 && down.length === 0; i++) {
      await clock.advance(2_000);
      down = liveness.tick();
    }
    expect(down).toEqual(['a']);
    expect(clock.monotonic()).toBe(50_000);
  });

  it('sends at a quarter of what the other side asks for', () => {
    const liveness = new Liveness(new FakeClock());
    expect(liveness.intervalFor('a')).toBe(DEFAULT_TOLERANCE_MS / 4);
    liveness.announced('a', 10_000);
    expect(liveness.intervalFor('a')).toBe(2_500);
    liveness.announced('a', 1);
    expect(liveness.intervalFor('a')).toBe(MIN_TOLERANCE_MS / 4);
    expect(liveness.of('a').theirToleranceMs).toBe(MIN_TOLERANCE_MS);
  });

  it('takes a new tolerance at run time', async () => {
    const clock = new FakeClock();
    const liveness = new Liveness(clock);
    liveness.heard('a');
    await run(clock, liveness, 5_000);
    liveness.toleranceMs = 20_000;
    expect(await run(clock, liveness, 14_000)).toEqual([]);
    liveness.toleranceMs = 4_000;
    expect((await run(clock, liveness, 100)).map(([peer]) => peer)).toEqual(['a']);
  });

  it.each([
    [Number.NaN, DEFAULT_TOLERANCE_MS],
    [0, DEFAULT_TOLERANCE_MS],
    [-5, DEFAULT_TOLERANCE_MS],
    [1_000, MIN_TOLERANCE_MS],
    [7_000.4, 7_000],
    [Number.MAX_SAFE_INTEGER, MAX_TOLERANCE_MS],
    [Number.POSITIVE_INFINITY, DEFAULT_TOLERANCE_MS],
  ])('clamps %d to %d', (ms, clamped) => {
    expect(clampTolerance(ms)).toBe(clamped);
  });
});

describe('AwakeClock', () => {
  it('counts at most 250 ms per tick', async () => {
    const clock = new FakeClock();
    const awake = new AwakeClock(clock);
    await clock.advance(100);
    awake.tick();
    await clock.advance(8_000);
    awake.tick();
    expect(awake.now).toBe(350);
  });
});
