import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_COUNTS } from '../../../src/local/time-counts.ts';
import { Timekeeper } from '../../../src/local/timekeeper.ts';
import { silentLog } from '../../../src/log.ts';
import type { Live } from '../../../src/policy/contents.ts';
import type { Record, Terms } from '../../../src/policy/records.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { key } from '../../support/household.ts';
import { liveRecord, timedBlock } from '../../support/time-subjects.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** 20:00 in UTC. */
const EVENING = Date.UTC(2026, 10, 21, 20);
const allow = (terms: Terms): Record => ({
  kind: 'allow',
  a: { kind: 'home' },
  b: { kind: 'internet' },
  terms,
});
const nights: Terms = { windows: [{ days: 127, from: 21 * 60, to: 7 * 60 }], zone: 'UTC' };

/** One router with its disk; `restart()` starts it anew with what it has saved (`stop` saves, a crash does not). */
class Router {
  clock = new FakeClock(EVENING);
  /** Milliseconds for which the machine was up while no agent ran; undefined when it was off meanwhile. */
  up: number | undefined = 0;
  boots = 0;
  live: Live[] = [];
  disk: string | undefined;
  saves = 0;
  changes = 0;
  retired: string[][] = [];
  jumps = 0;
  trusted = true;
  /** As the real trust does with an automatic one. */
  jumped = () => {
    this.trusted = false;
  };
  keeper = this.#make();

  async restart(how: 'stop' | 'crash' | 'kill', offMs = 0): Promise<void> {
    const { disk } = this;
    await this.keeper.stop();
    if (how === 'kill') this.up = (this.up ?? 0) + offMs;
    else this.boots += 1;
    if (how !== 'stop') this.disk = disk;
    this.clock.setWall(this.clock.now() + offMs);
    this.keeper = this.#make();
    await this.keeper.start();
  }

  async add(record: Record, author = 0): Promise<Live> {
    const live = liveRecord(record, author);
    this.live.push(live);
    this.keeper.noticed();
    return live;
  }

  trust(trusted: boolean): void {
    this.trusted = trusted;
    this.keeper.noticed();
  }

  #make(): Timekeeper {
    const router = this;
    return new Timekeeper({
      clock: this.clock,
      log: silentLog,
      live: () => this.live,
      trust: {
        get trusted() {
          return router.trusted;
        },
        jumped: () => {
          this.jumps += 1;
          this.jumped();
        },
      },
      bootTime: () => ({ boot: `boot ${this.boots}`, ms: this.clock.monotonic() + (this.up ?? 0) }),
      load: () => this.disk,
      save: (text) => {
        this.disk = text;
        this.saves += 1;
      },
      onChange: () => void this.changes++,
      retire: (ids) => void this.retired.push([...ids]),
      self: key(0).peer,
    });
  }
}

let router = new Router();
beforeEach(async () => {
  router = new Router();
  await router.keeper.start();
});

describe('a block for a time', () => {
  it('ends to the second, says so once, and is retired once', async () => {
    const live = await router.add(timedBlock({ for: 90 }));
    await router.clock.advance(89_999);
    expect([router.keeper.inForce(live), router.changes, router.retired]).toEqual([true, 0, []]);
    expect(router.keeper.force(live).why).toEqual({ kind: 'counted', leftS: expect.closeTo(0.001) });
    await router.clock.advance(1);
    expect([router.keeper.inForce(live), router.changes]).toEqual([false, 1]);
    expect(router.keeper.force(live).ended).toBe(true);
    await router.clock.advance(5 * MINUTE);
    expect(router.retired).toEqual([[live.id]]);
    expect(router.changes).toBe(1);
  });

  it('asks again for what was not retired, and no more once it is gone', async () => {
    await router.add(timedBlock({ for: 90 }));
    await router.clock.advance(25 * MINUTE);
    expect(router.retired).toHaveLength(3);
    router.live = [];
    router.keeper.noticed();
    await router.clock.advance(25 * MINUTE);
    expect(router.retired).toHaveLength(3);
  });

  it("leaves another router's record to it for a day, over restarts too", async () => {
    const live = await router.add(timedBlock({ for: 60 }), 1);
    await router.clock.advance(12 * HOUR);
    expect([router.keeper.inForce(live), router.retired]).toEqual([false, []]);
    await router.restart('stop', DAY);
    await router.clock.advance(11 * HOUR);
    expect(router.retired).toEqual([]);
    await router.clock.advance(2 * HOUR);
    expect(router.retired[0]).toEqual([live.id]);
  });

  it.each([
    ['stop', 1_800],
    ['crash', 1_800],
  ] as const)('is counted over a restart (%s), but not while the router is off', async (how, leftS) => {
    const live = await router.add(timedBlock({ for: 3_600 }));
    await router.clock.advance(30 * MINUTE);
    await router.restart(how, 9 * HOUR);
    const force = router.keeper.force(live);
    expect(force.inForce).toBe(true);
    expect(force.leftS).toBeGreaterThanOrEqual(leftS);
    expect(force.leftS).toBeLessThanOrEqual(leftS + 60);
  });

  it('saves once a minute while it counts, not at rest', async () => {
    await router.add(timedBlock({}));
    await router.add(timedBlock({ until: EVENING + DAY }));
    await router.clock.advance(10 * MINUTE);
    expect(router.saves).toBe(0);
    await router.add(timedBlock({ for: 3_600 }));
    await router.clock.advance(10 * MINUTE);
    expect(router.saves).toBeGreaterThanOrEqual(9);
    expect(router.saves).toBeLessThanOrEqual(11);
    await router.keeper.stop();
    await router.keeper.stop();
    const { saves } = router;
    await router.clock.advance(10 * MINUTE);
    expect(router.saves).toBe(saves);
  });

  it.each([
    ['killed once', [40]],
    ['killed again and again, also before it could save', [1, 1, 7, 1, 20]],
  ])('ends a trial at its time when the agent is %s', async (_, after) => {
    const router = new Router();
    await router.keeper.start();
    await router.clock.advance(MINUTE);
    const live = await router.add(timedBlock({ for: 90 }));
    let left = 90;
    for (const seconds of after) {
      await router.clock.advance(seconds * SECOND);
      await router.restart('kill', 3 * SECOND);
      left -= seconds + 3;
    }
    expect(router.keeper.force(live).inForce).toBe(true);
    await router.clock.advance(left * SECOND - 1);
    expect(router.keeper.inForce(live)).toBe(true);
    await router.clock.advance(1 * SECOND);
    expect(router.keeper.inForce(live)).toBe(false);
  });

  it('forgets what is lifted', async () => {
    await router.add(timedBlock({ for: 3_600 }));
    await router.restart('stop');
    expect(router.disk).toContain('/0');
    router.live = [];
    router.keeper.noticed();
    await router.keeper.stop();
    expect(router.disk).not.toContain('/0');
  });

  it('knows a record that nobody has announced', () => {
    const live = liveRecord(timedBlock({ for: 60 }));
    expect(router.keeper.inForce(live)).toBe(true);
    expect(router.keeper.inForce(liveRecord(timedBlock({})))).toBe(true);
    expect(router.keeper.force(liveRecord(allow({}))).why).toEqual({ kind: 'lasting' });
  });
});

describe('an allow for a time', () => {
  it('is not lengthened by what a crash lost', async () => {
    const live = await router.add(allow({ for: 3_600 }));
    await router.clock.advance(30 * MINUTE + 59 * SECOND);
    await router.restart('crash');
    expect(router.keeper.force(live).leftS).toBeLessThanOrEqual(1_741);
  });
});

describe('a wall clock', () => {
  it('ends a block when it comes to until', async () => {
    const live = await router.add(timedBlock({ until: EVENING + HOUR }));
    await router.clock.advance(HOUR - 1);
    expect([router.keeper.inForce(live), router.changes]).toEqual([true, 0]);
    await router.clock.advance(1);
    expect([router.keeper.inForce(live), router.changes, router.retired]).toEqual([false, 1, [[live.id]]]);
  });

  it('that nobody trusts ends nothing, until it is trusted', async () => {
    router.trust(false);
    const live = await router.add(timedBlock({ until: EVENING + HOUR }));
    await router.clock.advance(3 * HOUR);
    expect([router.keeper.inForce(live), router.retired]).toEqual([true, []]);
    router.trust(true);
    expect([router.keeper.inForce(live), router.changes, router.retired]).toEqual([false, 1, [[live.id]]]);
  });

  it('that jumps is noticed within a minute, before it ends anything', async () => {
    const live = await router.add(timedBlock({ until: EVENING + HOUR }));
    router.clock.setWall(EVENING + DAY);
    await router.clock.advance(MINUTE);
    expect(router.jumps).toBe(1);
    expect([router.keeper.inForce(live), router.retired]).toEqual([true, []]);
    await router.clock.advance(10 * MINUTE);
    expect(router.jumps).toBe(1);
  });

  it('that is set right within its trust moves a schedule', async () => {
    const live = await router.add(timedBlock(nights));
    expect(router.keeper.inForce(live)).toBe(false);
    router.jumped = () => undefined;
    router.clock.setWall(EVENING + 2 * HOUR);
    await router.clock.advance(MINUTE);
    expect([router.keeper.inForce(live), router.changes]).toEqual([true, 1]);
  });
});

describe('a schedule', () => {
  it('begins and ends by the clock, every day', async () => {
    const live = await router.add(timedBlock(nights));
    const seen: boolean[] = [];
    for (let hour = 0; hour < 48; hour++) {
      seen.push(router.keeper.inForce(live));
      await router.clock.advance(HOUR);
    }
    const wanted = Array.from({ length: 48 }, (_, i) => (20 + i) % 24 >= 21 || (20 + i) % 24 < 7);
    expect(seen).toEqual(wanted);
    expect(router.changes).toBe(4);
    expect(router.retired).toEqual([]);
  });

  it('stays for what was left of its window when trust is lost, and comes back with trust', async () => {
    const live = await router.add(timedBlock(nights));
    await router.clock.advance(2 * HOUR);
    router.trust(false);
    router.clock.setWall(0);
    await router.clock.advance(8 * HOUR);
    expect(router.keeper.inForce(live)).toBe(true);
    await router.clock.advance(HOUR + MINUTE);
    expect([router.keeper.inForce(live), router.keeper.force(live).why]).toEqual([
      false,
      { kind: 'untrusted' },
    ]);
    await router.clock.advance(DAY);
    expect(router.keeper.inForce(live)).toBe(false);
    router.clock.setWall(EVENING + 2 * HOUR);
    router.trust(true);
    expect(router.keeper.inForce(live), 'the clock has just jumped').toBe(false);
    router.trust(true);
    expect(router.keeper.inForce(live)).toBe(true);
  });

  it('stays over a restart without trust, but is not begun by one', async () => {
    const night = await router.add(timedBlock(nights));
    const pass = await router.add(allow(nights));
    await router.clock.advance(2 * HOUR);
    expect([night, pass].map((live) => router.keeper.inForce(live))).toEqual([true, true]);
    router.trusted = false;
    await router.restart('crash', DAY);
    const day = await router.add(timedBlock({ windows: [{ days: 127, from: 0, to: 0 }] }));
    expect([night, pass, day].map((live) => router.keeper.inForce(live))).toEqual([true, false, false]);
    await router.clock.advance(9 * HOUR + 2 * MINUTE);
    expect(router.keeper.inForce(night)).toBe(false);
  });
});

describe('limits', () => {
  it('beyond so many timed records blocks stay and allows do not hold', () => {
    const one = liveRecord(timedBlock({ for: 60 }));
    const other = liveRecord(allow({ for: 60 }));
    router.live = Array.from({ length: MAX_COUNTS }, (_, i) => ({ ...one, id: `${i}` }));
    router.live.push(one, other);
    router.keeper.noticed();
    expect(router.keeper.dropped).toBe(2);
    expect([router.keeper.inForce(one), router.keeper.inForce(other)]).toEqual([true, false]);
    expect(router.keeper.force(other).inForce).toBe(false);
  });

  it.each([
    '',
    'rubbish',
    '{}',
    '[]',
    '{"version":2,"counts":[]}',
    '{"version":1,"counts":[["x",-1],3,null]}',
  ])('starts with %j on the disk', async (text) => {
    router.disk = text;
    router.live = [liveRecord(timedBlock({ for: 60 }))];
    await router.restart('crash');
    const [live] = router.live;
    expect(live && router.keeper.force(live).leftS).toBe(60);
  });
});
