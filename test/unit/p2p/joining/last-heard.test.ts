import { describe, expect, it } from 'vitest';
import { LastHeard } from '../../../../src/p2p/joining/last-heard.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { key } from '../../../support/household.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const [one, two] = [key(1).peer, key(2).peer];

/** Looks out for members for 90 days; `next()` is the agent after a restart. */
function lookout(clock = new FakeClock()) {
  const state = { trusted: true, saved: '', saves: 0 };
  const open = () =>
    new LastHeard({
      clock,
      clockTrusted: () => state.trusted,
      absentMs: 90 * DAY,
      load: () => state.saved,
      save: (text) => {
        state.saved = text;
        state.saves += 1;
      },
    });
  let table = open();
  return {
    clock,
    state,
    get table() {
      return table;
    },
    next: () => {
      table = open();
    },
    /** So many days pass, with a look an hour; `heard` are heard all the time. */
    days: async (count: number, heard: readonly string[], all: readonly string[] = [one, two]) => {
      for (let hour = 0; hour < count * 24; hour++) {
        table.look(new Map(all.map((peer) => [peer, heard.includes(peer) ? 0 : undefined])));
        await clock.advance(HOUR);
      }
    },
  };
}

describe('a member', () => {
  it('is absent once it was not heard for so long, and no more once it is', async () => {
    const { table, days, clock } = lookout();
    await days(1, [one, two]);
    const last = clock.now() - HOUR;
    await days(89, [one]);
    expect([table.of(two), table.absent(two, undefined)]).toEqual([last, false]);
    await days(1, [one]);
    expect([one, two].map((peer) => table.absent(peer, undefined))).toEqual([false, true]);
    await days(1 / 24, [one, two]);
    expect(table.absent(two, undefined)).toBe(false);
  });

  it('stays so over restarts, and is written down at most every ten minutes', async () => {
    const all = lookout();
    await all.days(1, [one, two]);
    await all.days(89, [one]);
    all.table.flush();
    all.next();
    await all.days(1, [one]);
    expect(all.table.absent(two, undefined)).toBe(true);
    const { saves } = all.state;
    for (let n = 0; n < 60; n++) {
      all.table.look(new Map([[one, 0]]));
      await all.clock.advance(60_000);
    }
    expect(all.state.saves - saves).toBeLessThanOrEqual(7);
  });

  it('is not absent because this router was', async () => {
    const all = lookout();
    await all.days(1, [one, two]);
    all.table.flush();
    await all.clock.advance(200 * DAY);
    all.next();
    all.table.look(new Map([one, two].map((peer) => [peer, undefined])));
    expect(all.table.absent(one, undefined)).toBe(false);
    await all.days(1, [one]);
    await all.days(1 / 24, [one]);
    expect([one, two].map((peer) => all.table.absent(peer, undefined))).toEqual([false, true]);
  });

  it('is never absent by a clock that is not trusted, nor in the moment in which it becomes so', async () => {
    const all = lookout();
    await all.days(2, [one, two]);
    all.state.trusted = false;
    all.clock.setWall(4e12);
    await all.days(1, [one]);
    expect(all.table.absent(two, undefined)).toBe(false);
    all.state.trusted = true;
    expect(all.table.absent(two, undefined)).toBe(false);
    all.table.look(new Map([one, two].map((peer) => [peer, 0])));
    expect(all.table.absent(two, undefined)).toBe(false);
  });

  it('that was never heard counts from its admission, if that is sure, but not on the first day', async () => {
    const { table, days, clock } = lookout();
    const at = clock.now() - 200 * DAY;
    await days(0.5, []);
    expect(table.absent(one, { at, trusted: true })).toBe(false);
    await days(1, []);
    expect(table.of(one)).toBeUndefined();
    expect(table.absent(one, { at, trusted: true })).toBe(true);
    expect(table.absent(one, { at, trusted: false })).toBe(false);
    expect(table.absent(one, { at: clock.now() - DAY, trusted: true })).toBe(false);
    await days(90, []);
    expect(table.absent(one, { at, trusted: false })).toBe(true);
  });

  it('is forgotten when it is none any more, and of too many the rest is counted', async () => {
    const { table, days, clock } = lookout();
    await days(1, [one]);
    table.look(new Map([[two, 0]]));
    expect(table.of(one)).toBeUndefined();
    const many = Array.from({ length: 1_005 }, (_, n) => n.toString(16).padStart(64, '0'));
    table.look(new Map(many.map((peer) => [peer, 0])));
    expect(table.dropped).toBe(5);
    expect(table.of(many[0] ?? '')).toBe(clock.now());
  });
});
