import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFor, parseSchedule, parseUntil } from '../../src/control/durations.ts';
import { describeWindows } from '../../src/control/terms-text.ts';
import { readAdjtimex, readChrony, readTimedatectl } from '../../src/local/clock-trust.ts';
import { readCounts, secondsSince, writeCounts } from '../../src/local/time-counts.ts';
import type { Terms, Window } from '../../src/policy/records.ts';
import { scheduleAt } from '../../src/policy/schedule.ts';
import { forceOf } from '../../src/policy/terms.ts';
import { bareSubject, timekeeperSubject } from '../support/time-subjects.ts';
import { WallOracle } from '../support/wall-oracle.ts';
import { lawP15, type TimeSubject, timeStories } from './time-laws.ts';

async function checkP15(
  make: (terms: Terms) => Promise<TimeSubject>,
  numRuns: number,
): Promise<{ failed: boolean; report: string }> {
  const property = fc.asyncProperty(timeStories, (story) => lawP15(make, story));
  const result = await fc.check(property, { numRuns, seed: 20_261_121, endOnFailure: true });
  return { failed: result.failed, report: fc.defaultReportMessage(result) ?? '' };
}

describe('P15: no block ends early under any clock', () => {
  it('holds for the rule', async () => {
    const result = await checkP15((terms) => bareSubject(forceOf, terms), 3_000);
    expect(result.failed, result.report).toBe(false);
  });

  it('holds for the timekeeper', async () => {
    const result = await checkP15(timekeeperSubject, 40);
    expect(result.failed, result.report).toBe(false);
  }, 60_000);

  const mutants: [string, typeof forceOf][] = [
    [
      "expiry by the author's `until` alone",
      (kind, { until, ...terms }, moment) =>
        until === undefined
          ? forceOf(kind, terms, moment)
          : forceOf(kind, { until }, { ...moment, trusted: true }),
    ],
    [
      'the earlier end instead of the later',
      (_, terms, moment) => forceOf('allow', terms, { ...moment, trusted: true }),
    ],
    [
      'counting by the wall clock',
      (kind, terms, moment) =>
        forceOf(kind, terms, { ...moment, elapsedS: (moment.wall - Date.parse('2026-03-28T20:00Z')) / 1000 }),
    ],
  ];
  it.each(mutants)('catches %s', async (_, mutant) => {
    expect((await checkP15((terms) => bareSubject(mutant, terms), 500)).failed).toBe(true);
  });
});

const moments = fc.record({
  wall: fc.integer({ min: 0, max: 4e12 }),
  trusted: fc.boolean(),
  elapsedS: fc.nat(1e7),
  window: fc.option(fc.nat(1e7), { nil: undefined }),
});
const windows = fc.array(
  fc.record({
    days: fc.integer({ min: 1, max: 127 }),
    from: fc.nat(1439),
    to: fc.nat(1439),
  }),
  { maxLength: 4 },
);
const anyTerms: fc.Arbitrary<Terms> = fc.record(
  {
    for: fc.nat(1e7),
    until: fc.integer({ min: 0, max: 4e12 }),
    windows,
    zone: fc.constantFrom('Europe/Amsterdam', 'UTC', 'nowhere'),
  },
  { requiredKeys: [] },
);

describe('in doubt', () => {
  it('an allow holds only where a trusted clock and the count both let it', () => {
    fc.assert(
      fc.property(anyTerms, moments, (terms, moment) => {
        const { inForce } = forceOf('allow', terms, moment);
        if (!inForce) return;
        if (terms.for !== undefined) expect(moment.elapsedS).toBeLessThan(terms.for);
        if (terms.until !== undefined) expect(moment.trusted && moment.wall < terms.until).toBe(true);
        if (terms.windows?.length) expect(moment.trusted).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('nothing changes before it is time to look again', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('block' as const, 'allow' as const),
        anyTerms,
        moments,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (kind, terms, moment, part) => {
          const force = forceOf(kind, terms, moment);
          const laterS = Math.min(force.againS ?? 1e6, 1e6) * part;
          const later = forceOf(kind, terms, {
            ...moment,
            wall: moment.wall + laterS * 1000,
            elapsedS: moment.elapsedS + laterS,
            window: force.window,
          });
          expect([later.inForce, later.ended]).toEqual([force.inForce, force.ended]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('schedules against a clock on the wall, minute by minute', () => {
  it.each([
    ['Europe/Amsterdam', '2026-03-29'],
    ['Europe/Amsterdam', '2026-10-25'],
    ['America/New_York', '2026-03-08'],
    ['America/New_York', '2026-11-01'],
    ['Australia/Lord_Howe', '2026-04-05'],
    ['Australia/Lord_Howe', '2026-10-04'],
    ['America/Santiago', '2026-04-05'],
    ['America/Santiago', '2026-09-06'],
    ['Asia/Kathmandu', '2026-03-29'],
    ['UTC', '2026-10-25'],
  ])('%s around %s', (zone, day) => {
    const oracle = new WallOracle(zone, day);
    const week = 7 * 24 * 60;
    const near = fc.integer({ min: 9 * 24 * 60, max: 12 * 24 * 60 });
    const minutes = fc.oneof(near, fc.integer({ min: week, max: 2 * week }));
    // Clocks change at night: so do half of the windows.
    const night = fc.record({ days: fc.integer({ min: 1, max: 127 }), from: fc.nat(240), to: fc.nat(240) });
    const some = fc.oneof(windows, fc.array(night, { minLength: 1, maxLength: 3 }));
    fc.assert(
      fc.property(some, minutes, (schedule: Window[], minute) => {
        const inForce = oracle.inForce(schedule, minute);
        const state = scheduleAt(schedule, zone, oracle.moment(minute));
        expect(state.inForce).toBe(inForce);
        let next = minute + 1;
        while (next < oracle.length - 1440 && oracle.inForce(schedule, next) === inForce) next += 1;
        if (next < oracle.length - 1440) expect(state.changesAt).toBe(oracle.moment(next));
        else expect(state.changesAt ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(oracle.moment(next));
      }),
      { numRuns: 60 },
    );
  });
});

describe('rubbish', () => {
  const rubbish = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.stringMatching(/^[0-9wdhms: -]{0,20}$/),
    fc
      .array(
        fc.constantFrom(
          'mon',
          'fri',
          '-',
          ',',
          ' ',
          '21:00',
          '07:00',
          '24:00',
          'daily',
          'tomorrow',
          '2026-02-30',
          'bedtime',
          '__proto__',
        ),
      )
      .map((words) => words.join('')),
  );

  it('typed by a person is a UsageError and nothing else', () => {
    const at = { now: Date.parse('2026-11-21T20:30Z'), zone: 'Europe/Amsterdam', bedtime: '20:00' };
    fc.assert(
      fc.property(rubbish, (text) => {
        for (const parse of [parseFor, parseSchedule, (typed: string) => parseUntil(typed, at)]) {
          try {
            parse(text);
          } catch (error) {
            expect(error).toMatchObject({ name: 'UsageError', hint: expect.stringContaining('for example') });
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('a moment that was understood is ahead, within a year', () => {
    const zones = fc.constantFrom('Europe/Amsterdam', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC');
    const time = fc.tuple(fc.nat(23), fc.nat(59)).map(([h, m]) => `${h}:${String(m).padStart(2, '0')}`);
    fc.assert(
      fc.property(fc.integer({ min: 1.7e12, max: 2e12 }), zones, time, (now, zone, typed) => {
        const moment = parseUntil(typed, { now, zone, bedtime: '20:00' });
        expect(moment).toBeGreaterThan(now);
        expect(moment).toBeLessThanOrEqual(now + 26 * 3_600_000);
      }),
      { numRuns: 500 },
    );
  });

  it('windows are written as they are typed', () => {
    const typable = windows.filter((some) => some.length > 0 && some.every(({ from, to }) => from !== to));
    fc.assert(
      fc.property(typable, (some) => {
        expect(parseSchedule(describeWindows(some))).toEqual(some);
      }),
    );
  });

  it('from the disk is nothing that was counted', () => {
    fc.assert(
      fc.property(fc.oneof(rubbish, fc.json()), (text) => {
        expect(readCounts(text).size).toBe(0);
        expect(secondsSince(text, { boot: 'one', ms: 1 })).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.anything()), (counts) => {
        const text = JSON.stringify({ version: 1, counts, saved: counts[0] });
        readCounts(text);
        secondsSince(text, { boot: 'one', ms: 1 });
      }),
    );
  });

  it('what was counted comes back from the disk', () => {
    const count = fc.record({ seenS: fc.nat(), window: fc.option(fc.nat(), { nil: undefined }) });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), count), (counts) => {
        const back = readCounts(writeCounts(Object.entries(counts)));
        for (const [id, { seenS, window }] of Object.entries(counts))
          expect(back.get(id)).toEqual({ seenS, ...(window === undefined ? {} : { window }) });
      }),
    );
  });

  it('said by a tool about the clock is never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(rubbish, fc.string({ unit: 'binary' })), (text) => {
        for (const read of [readAdjtimex, readChrony, readTimedatectl])
          expect([true, false, undefined]).toContain(read(text));
      }),
    );
  });
});
