import { describe, expect, it } from 'vitest';
import { Coalesce, repeat, systemClock } from '../../src/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('repeat', () => {
  const options = (clock: FakeClock, signal: AbortSignal) => ({ clock, signal, everyMs: 100, jitter: 0 });

  it('runs again after the end of a run and a pause, and never overlaps', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    let running = 0;
    let most = 0;
    const at: number[] = [];
    const done = repeat(
      async () => {
        at.push(clock.monotonic());
        running += 1;
        most = Math.max(most, running);
        await clock.sleep(250);
        running -= 1;
      },
      options(clock, stop.signal),
    );
    await clock.advance(800);
    stop.abort();
    await clock.advance(250);
    await done;
    expect(at).toEqual([0, 350, 700]);
    expect(most).toBe(1);
  });

  it('counts failures in a row, doubles the pause up to the maximum, and begins anew after a success', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const at: number[] = [];
    const failures: number[] = [];
    const done = repeat(
      async () => {
        at.push(clock.monotonic());
        if (at.length !== 5) throw new Error('no');
      },
      {
        ...options(clock, stop.signal),
        maxMs: 450,
        onFailure: (error, inARow) => {
          expect(error).toBeInstanceOf(Error);
          failures.push(inARow);
        },
      },
    );
    await clock.advance(0);
    await clock.advance(2_000);
    stop.abort();
    await done;
    expect(failures.slice(0, 5)).toEqual([1, 2, 3, 4, 1]);
    // 100 ms doubled to 200, 400, then 450; after the success 100 and again from 200 on.
    expect(at.slice(0, 7)).toEqual([0, 200, 600, 1_050, 1_500, 1_600, 1_800]);
  });

  it('does not back off unless it is told to', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    let runs = 0;
    const done = repeat(
      async () => {
        runs += 1;
        throw new Error('no');
      },
      options(clock, stop.signal),
    );
    await clock.advance(0);
    await clock.advance(1_000);
    stop.abort();
    await done;
    expect(runs).toBe(11);
  });

  it.each([
    [0, 80],
    [0.5, 100],
    [0.999_999, 120],
  ])('jitters around the pause: random %d, after %d ms', async (random, pause) => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const at: number[] = [];
    const done = repeat(
      async () => {
        at.push(clock.monotonic());
      },
      { clock, signal: stop.signal, everyMs: 100, jitter: 0.2, random: () => random },
    );
    await clock.advance(0);
    await clock.advance(130);
    stop.abort();
    await done;
    expect(at[1]).toBeCloseTo(pause, 3);
  });

  it('ends without a failure when it is aborted, in a run or in a pause, or before it began', async () => {
    const clock = new FakeClock();
    const failures: unknown[] = [];
    const stop = new AbortController();
    const inRun = repeat((signal) => clock.sleep(1_000, signal), {
      ...options(clock, stop.signal),
      onFailure: (error) => failures.push(error),
    });
    const inPause = repeat(async () => undefined, options(clock, stop.signal));
    await clock.advance(50);
    stop.abort(new Error('the agent stops'));
    await Promise.all([inRun, inPause]);
    let runs = 0;
    await repeat(
      async () => {
        runs += 1;
      },
      options(clock, stop.signal),
    );
    expect(failures).toEqual([]);
    expect(runs).toBe(0);
  });
});

describe('Coalesce', () => {
  const made = () => {
    const clock = new FakeClock();
    const at: number[] = [];
    const notice = new Coalesce(() => at.push(clock.monotonic()), { clock, quietMs: 20, maxMs: 100 });
    return { clock, at, notice };
  };

  it('runs once, after a quiet period', async () => {
    const { clock, at, notice } = made();
    for (let n = 0; n < 3; n++) {
      notice.notify();
      await clock.advance(10);
    }
    expect(at).toEqual([]);
    await clock.advance(100);
    expect(at).toEqual([40]);
  });

  it('runs at the latest after the maximum, however many notices come', async () => {
    const { clock, at, notice } = made();
    for (let n = 0; n < 30; n++) {
      notice.notify();
      await clock.advance(10);
    }
    // The notice at 100 finds the run of that moment done and begins the next period.
    expect(at).toEqual([100, 200, 300]);
  });

  it('runs at once when the maximum has passed while nobody ran it', async () => {
    const { clock, at, notice } = made();
    notice.notify();
    await clock.advance(20);
    notice.notify();
    await clock.advance(20);
    expect(at).toEqual([20, 40]);
  });

  it('drops a waiting run when it is cancelled, and goes on with the next notice', async () => {
    const { clock, at, notice } = made();
    notice.notify();
    notice.cancel();
    notice.cancel();
    await clock.advance(500);
    expect(at).toEqual([]);
    notice.notify();
    await clock.advance(20);
    expect(at).toEqual([520]);
  });
});

describe('the clock of the machine', () => {
  it('sleeps until it is aborted', async () => {
    const stop = new AbortController();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort();
    await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('has timers that can be cleared, twice as well', () => {
    const timer = systemClock.after(60_000, () => undefined);
    timer.clear();
    timer.clear();
    expect(systemClock.monotonic()).toBeGreaterThan(0);
    expect(systemClock.now()).toBeGreaterThan(1_700_000_000_000);
  });
});
