import { describe, expect, it } from 'vitest';
import { Liveness, type LivenessOptions, TICK_MS } from '../../../../src/p2p/alive/liveness.ts';
import {
  clampTolerance,
  DEFAULT_TOLERANCE_MS,
  MAX_TOLERANCE_MS,
  MIN_TOLERANCE_MS,
} from '../../../../src/p2p/alive/tolerances.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const HOUR = 3_600_000;

/** What happened, with the time at which it was seen. */
type Event = [what: 'suspect' | 'down' | 'pruned' | 'silent', peer: string, at: number];

/** A liveness that is ticked as the agent does. */
class Watch {
  readonly clock = new FakeClock();
  readonly liveness: Liveness;
  /** So far the machine's own clock ran ahead while it was suspended, milliseconds. */
  asleep = 0;

  constructor(options: LivenessOptions = {}) {
    this.liveness = new Liveness(this.clock, {
      boot: () => this.clock.monotonic() + this.asleep,
      ...options,
    });
  }

  /** Lets time pass; `each` is called before every tick. */
  async run(ms: number, each: () => void = () => {}, step = TICK_MS): Promise<Event[]> {
    const events: Event[] = [];
    for (let t = 0; t < ms; t += step) {
      await this.clock.advance(step);
      each();
      const ticked = this.liveness.tick();
      for (const what of ['suspect', 'silent', 'down', 'pruned'] as const) {
        for (const peer of ticked[what]) events.push([what, peer, this.clock.monotonic()]);
      }
    }
    return events;
  }

  /** What happened to one peer, without the times. */
  state(peer: string) {
    return this.liveness.of(peer).state;
  }
}

describe('a silent peer', () => {
  it('is suspect after half of the tolerance, its link closed and itself down after all of it, each told once', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    expect(liveness.of('a').state).toBe('unknown');
    expect(liveness.heard('a')).toBe(true);
    expect(liveness.heard('a')).toBe(false);
    expect(await watch.run(3_000)).toEqual([]);
    expect(liveness.hears('a')).toBe(true);
    expect(await watch.run(100)).toEqual([['suspect', 'a', 3_100]]);
    expect(liveness.of('a')).toMatchObject({ state: 'suspect', sinceMs: 0, heardAgoMs: 3_100 });
    expect(await watch.run(5_000)).toEqual([
      ['silent', 'a', 6_100],
      ['down', 'a', 6_100],
    ]);
    expect(liveness.of('a')).toMatchObject({ state: 'down', sinceMs: 2_000 });
    expect(liveness.heard('a')).toBe(true);
    expect(liveness.of('a')).toMatchObject({ state: 'alive', sinceMs: 0 });
  });

  it('is pruned when it has been down for the grace time, and comes back as if nothing had happened', async () => {
    const watch = new Watch({ keepDownMs: 60_000 });
    const { liveness } = watch;
    liveness.heard('a');
    liveness.announced('a', 20_000);
    const events = await watch.run(70_000);
    expect(events.at(-1)).toEqual(['pruned', 'a', 66_100]);
    expect(watch.state('a')).toBe('pruned');
    expect(liveness.heard('a')).toBe(true);
    expect(watch.state('a')).toBe('alive');
    expect(liveness.intervalFor('a')).toBe(5_000);
    expect((await watch.run(7_000)).map(([what]) => what)).toEqual(['suspect', 'silent', 'down']);
  });

  it('with no grace time is pruned at once', async () => {
    const watch = new Watch({ keepDownMs: 0 });
    watch.liveness.heard('a');
    const events = await watch.run(7_000);
    expect(events.slice(-2).map(([what, , at]) => [what, at])).toEqual([
      ['down', 6_100],
      ['pruned', 6_200],
    ]);
  });

  it('of which nothing was ever heard is neither suspect nor down', async () => {
    const watch = new Watch();
    watch.liveness.announced('a', 5_000);
    watch.liveness.lost('b');
    watch.liveness.refused('a');
    expect(await watch.run(20_000)).toEqual([]);
    expect(watch.state('a')).toBe('unknown');
  });

  it('is forgotten with everything when it is no member any more', async () => {
    const watch = new Watch();
    watch.liveness.heard('a');
    watch.liveness.setTolerance('a', 20_000);
    watch.liveness.forget('a');
    expect(await watch.run(7_000)).toEqual([]);
    expect(watch.liveness.of('a')).toMatchObject({ state: 'unknown', toleranceMs: DEFAULT_TOLERANCE_MS });
  });
});

describe('a refused redial', () => {
  it('makes a peer suspect at once, and down when the tolerance is over', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    await watch.run(500);
    expect(liveness.refused('a')).toBe(true);
    expect(liveness.refused('a')).toBe(false);
    expect(watch.state('a')).toBe('suspect');
    expect((await watch.run(10_000)).map(([what, , at]) => [what, at])).toEqual([['down', 6_100]]);
    expect(liveness.refused('a')).toBe(false);
  });
});

describe('tolerances', () => {
  it('differ by direction: gone after 4 minutes here, waited for two days there (seed 002)', async () => {
    const server = new Watch();
    const client = new Watch();
    server.liveness.setTolerance('client', 4 * 60_000);
    client.liveness.setTolerance('server', 48 * HOUR);
    server.liveness.announced('client', client.liveness.wishFor('server'), client.liveness.shortestMs);
    client.liveness.announced('server', server.liveness.wishFor('client'), server.liveness.shortestMs);
    expect(client.liveness.intervalFor('server')).toBe(60_000);
    expect(server.liveness.intervalFor('client')).toBe(12 * HOUR);
    server.liveness.heard('client');
    client.liveness.heard('server');
    expect((await server.run(5 * 60_000, undefined, 200)).at(-1)).toEqual(['down', 'client', 240_200]);
    expect(await client.run(5 * 60_000, undefined, 200)).toEqual([]);
    expect(client.liveness.of('server')).toMatchObject({
      toleranceMs: 48 * HOUR,
      theirToleranceMs: 4 * 60_000,
      stretched: false,
    });
  });

  it('are changed at run time, for all and for one, and taken back', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    for (const peer of ['a', 'b']) liveness.heard(peer);
    await watch.run(2_900);
    liveness.toleranceMs = 20_000;
    liveness.setTolerance('b', 4_000);
    expect((await watch.run(2_000)).map(([what, peer]) => [what, peer])).toEqual([
      ['suspect', 'b'],
      ['silent', 'b'],
      ['down', 'b'],
    ]);
    liveness.heard('b');
    liveness.setTolerance('b', undefined);
    expect(liveness.toleranceOf('b')).toBe(20_000);
    expect((await watch.run(9_000)).map(([what, peer]) => [what, peer])).toEqual([['suspect', 'a']]);
  });

  it('are stretched to four of the shortest intervals of a peer that cannot send as often', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    liveness.announced('a', 6_000, 3_000);
    expect(liveness.of('a')).toMatchObject({ toleranceMs: 12_000, stretched: true });
    expect(liveness.wishFor('a')).toBe(6_000);
    expect((await watch.run(20_000)).at(-1)).toEqual(['down', 'a', 12_100]);
    liveness.announced('a', 6_000, 1_500);
    expect(liveness.of('a')).toMatchObject({ toleranceMs: 6_000, stretched: false });
    for (const rubbish of [Number.MAX_SAFE_INTEGER, Number.NaN, -5, Number.POSITIVE_INFINITY]) {
      liveness.announced('a', 6_000, rubbish);
      expect(liveness.toleranceOf('a')).toBeLessThanOrEqual(MAX_TOLERANCE_MS);
      expect(liveness.toleranceOf('a')).toBeGreaterThanOrEqual(6_000);
    }
  });

  it('of others are kept at a quarter, and never below our own shortest interval', () => {
    const { liveness } = new Watch();
    expect(liveness.intervalFor('a')).toBe(DEFAULT_TOLERANCE_MS / 4);
    liveness.announced('a', 10_000);
    expect(liveness.intervalFor('a')).toBe(2_500);
    liveness.announced('a', 1);
    expect(liveness.intervalFor('a')).toBe(MIN_TOLERANCE_MS / 4);
    expect(liveness.of('a').theirToleranceMs).toBe(MIN_TOLERANCE_MS);
    const slow = new Watch({ shortestMs: 5_000 }).liveness;
    slow.announced('a', 10_000);
    expect(slow.intervalFor('a')).toBe(5_000);
  });

  it.each([
    [Number.NaN, DEFAULT_TOLERANCE_MS],
    [0, DEFAULT_TOLERANCE_MS],
    [-5, DEFAULT_TOLERANCE_MS],
    [1_000, MIN_TOLERANCE_MS],
    [7_000.4, 7_000],
    [Number.MAX_SAFE_INTEGER, MAX_TOLERANCE_MS],
    [Number.POSITIVE_INFINITY, DEFAULT_TOLERANCE_MS],
  ])('of %d are clamped to %d', (ms, clamped) => {
    expect(clampTolerance(ms)).toBe(clamped);
  });
});

describe('a witness', () => {
  it('keeps a peer suspect that we do not hear, and its link is closed all the same', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    const told = (ms: number) => watch.run(ms, () => liveness.witness('w', 'a', 500));
    expect(await told(HOUR / 60)).toEqual([
      ['suspect', 'a', 3_100],
      ['silent', 'a', 6_100],
    ]);
    expect(liveness.of('a')).toMatchObject({ state: 'suspect', heardBy: 'w', heardAgoMs: 600 });
    const since = watch.clock.monotonic();
    const events = await watch.run(10_000);
    expect(events.map(([what]) => what)).toEqual(['down']);
    expect((events[0]?.[2] ?? 0) - since).toBeLessThanOrEqual(6_000);
    expect(liveness.of('a').heardBy).toBeUndefined();
  });

  it('counts for nothing with what it said before the suspicion', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    await watch.run(2_900, () => liveness.witness('w', 'a', 0));
    expect((await watch.run(10_000)).map(([what, , at]) => [what, at])).toEqual([
      ['suspect', 3_100],
      ['silent', 6_100],
      ['down', 6_100],
    ]);
  });

  it('counts for nothing with what it said of an earlier suspicion', () => {
    const { liveness } = new Watch();
    liveness.heard('a');
    liveness.refused('a');
    liveness.witness('w', 'a', 0);
    expect(liveness.of('a').heardBy).toBe('w');
    liveness.heard('a');
    liveness.refused('a');
    expect(liveness.of('a').heardBy).toBeUndefined();
  });

  it('holds nobody up that it heard last too long ago', async () => {
    const watch = new Watch();
    watch.liveness.heard('a');
    // It tells the truth: it heard the dead peer as late as we did.
    const events = await watch.run(10_000, () => watch.liveness.witness('w', 'a', watch.clock.monotonic()));
    expect(events.at(-1)).toEqual(['down', 'a', 6_100]);
  });

  it('is one of many, and the one that heard it last is named', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    await watch.run(3_100);
    expect(liveness.witness('w1', 'a', 1_500)).toBe(true);
    expect(liveness.witness('w2', 'a', 200)).toBe(false);
    expect(liveness.of('a').heardBy).toBe('w2');
    expect(liveness.witness('a', 'a', 0)).toBe(false);
    expect(liveness.of('a').heardBy).toBe('w2');
    liveness.forget('w2');
    expect(liveness.of('a').heardBy).toBe('w1');
    for (const rubbish of [-1, Number.NaN, Number.MAX_SAFE_INTEGER]) liveness.witness('w3', 'a', rubbish);
    expect(liveness.of('a').heardBy).toBe('w1');
  });

  it('brings back one that was down or unknown as suspect, and a tolerance passes before it is down again', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    await watch.run(7_000);
    expect(watch.state('a')).toBe('down');
    expect(liveness.hears('a')).toBe(false);
    for (const peer of ['a', 'b']) {
      expect(liveness.witness('w', peer, 100)).toBe(true);
      expect(liveness.of(peer)).toMatchObject({ state: 'suspect', heardBy: 'w' });
    }
    expect(liveness.ageOf('b')).toBeUndefined();
    expect(liveness.hears('b')).toBe(false);
    expect(await watch.run(6_000)).toEqual([]);
    expect((await watch.run(100)).map(([what, peer]) => [what, peer])).toEqual([['down', 'a']]);
    // Nobody tells of it any more, and we never heard it: that is no death.
    expect(watch.state('b')).toBe('unknown');
  });

  it('that alone hears somebody is needed for that', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    for (const peer of ['a', 'b', 'v', 'w']) liveness.heard(peer);
    for (const peer of ['a', 'b']) liveness.refused(peer);
    liveness.witness('w', 'a', 0);
    liveness.witness('w', 'b', 0);
    liveness.witness('v', 'b', 0);
    expect([...liveness.sole()]).toEqual([['w', 1]]);
    await watch.run(3_500);
    expect(liveness.sole().size).toBe(0);
  });

  it('makes known only so many that never spoke to us', () => {
    const { liveness } = new Watch();
    for (let i = 0; i < 100; i++) liveness.witness('w', `p${i}`, 0);
    const known = Array.from({ length: 100 }, (_, i) => liveness.of(`p${i}`).state);
    expect(known.filter((state) => state === 'suspect')).toHaveLength(48);
  });
});

describe('what is asked', () => {
  it('is of suspects, and of those that are down, unknown or without a connection', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.members(['alive', 'down', 'lost', 'suspect', 'unknown']);
    liveness.heard('down');
    await watch.run(6_100);
    for (const peer of ['alive', 'lost', 'suspect']) liveness.heard(peer);
    liveness.lost('lost');
    liveness.refused('suspect');
    expect([...liveness.asks()].sort()).toEqual(['down', 'lost', 'suspect', 'unknown']);
    expect(liveness.asks()[0]).toBe('suspect');
    for (const peer of ['lost', 'suspect', 'down']) liveness.heard(peer);
    await watch.run(1_000);
    expect(liveness.asks()).toEqual(['unknown']);
  });

  it('is of all in turn when there are more than fit, suspects always', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    const members = Array.from({ length: 300 }, (_, i) => `p${i}`);
    liveness.members(members);
    liveness.heard('p7');
    liveness.refused('p7');
    const asked = new Set<string>();
    for (let i = 0; i < 5; i++) {
      expect(liveness.asks()).toHaveLength(64);
      expect(liveness.asks()[0]).toBe('p7');
      for (const peer of liveness.asks()) asked.add(peer);
      for (let seconds = 0; seconds < 30; seconds++) {
        await watch.run(1_000);
        liveness.witness('w', 'p7', 0);
      }
    }
    expect(asked.size).toBe(300);
  });

  it('is asked every quarter of the tolerance, however seldom the other side wants to hear of us', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.announced('w', 48 * HOUR);
    liveness.heard('a');
    expect(liveness.intervalFor('w')).toBe(12 * HOUR);
    await watch.run(3_100);
    expect(liveness.intervalFor('w')).toBe(1_500);
    liveness.heard('a');
    await watch.run(100);
    expect(liveness.intervalFor('w')).toBe(12 * HOUR);
  });
});

describe('one that link choice let go', () => {
  it('is heard by others, or unknown, but never down for its silence', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    liveness.lost('a');
    liveness.released('a');
    expect(await watch.run(60_000, () => liveness.witness('w', 'a', 1_000))).toEqual([]);
    expect(liveness.of('a')).toMatchObject({ state: 'suspect', heardBy: 'w' });
    expect(await watch.run(10_000)).toEqual([]);
    expect(watch.state('a')).toBe('unknown');
    liveness.heard('a');
    expect((await watch.run(7_000)).at(-1)?.[0]).toBe('down');
  });
});

describe('a process that does not run', () => {
  it('declares nobody down when it was stopped, tells its witnesses the truth, and notices a death later', async () => {
    const watch = new Watch();
    const { liveness, clock } = watch;
    liveness.heard('a');
    await watch.run(1_000);
    await clock.advance(60_000);
    expect(liveness.tick()).toMatchObject({ suspect: [], down: [], suspendedMs: 0 });
    expect(liveness.ageOf('a')).toBe(61_000);
    // The minute counted as 250 ms.
    expect((await watch.run(6_000)).at(-1)).toEqual(['down', 'a', 61_000 + 4_800]);
  });

  it('notices a death although it stalls again and again', async () => {
    const watch = new Watch();
    watch.liveness.heard('a');
    const events = await watch.run(60_000, undefined, 2_000);
    expect(events.at(-1)).toEqual(['down', 'a', 50_000]);
  });

  it('hears of no death from a machine that was suspended before a whole tolerance has passed again', async () => {
    const watch = new Watch();
    const { liveness } = watch;
    liveness.heard('a');
    await watch.run(5_900);
    watch.asleep = 8 * HOUR;
    await watch.clock.advance(100);
    expect(liveness.tick()).toMatchObject({ suspendedMs: 8 * HOUR, down: [] });
    expect(liveness.ageOf('a')).toBe(8 * HOUR + 6_000);
    const events = await watch.run(7_000);
    expect(events.find(([what]) => what === 'down')).toEqual(['down', 'a', 12_100]);
    expect(liveness.tick().suspendedMs).toBe(0);
  });

  it('is not taken for suspended because two clocks are read one after the other', async () => {
    const watch = new Watch();
    for (const jitter of [10, 0, 12, 999, 3]) {
      watch.asleep = jitter;
      await watch.clock.advance(100);
      expect(watch.liveness.tick().suspendedMs).toBe(0);
    }
  });
});

it('keeps a bounded number of peers', () => {
  const { liveness } = new Watch();
  for (let i = 0; i < 5_000; i++) liveness.heard(`p${i}`);
  expect(liveness.of('p4095').state).toBe('alive');
  expect(liveness.of('p4096').state).toBe('unknown');
});
