import { describe, expect, it } from 'vitest';
import type { Window } from '../../../src/policy/records.ts';
import { isKnownZone, MAX_WINDOWS, momentOf, readingAt, scheduleAt } from '../../../src/policy/schedule.ts';

const at = (iso: string) => Date.parse(iso);
const DAILY = 0b1111111;
const hours = (days: number, from: string, to: string): Window => {
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  return { days, from: minutes(from), to: minutes(to) };
};
const AMSTERDAM = 'Europe/Amsterdam';
const MONDAY = 0b0000001;
const SUNDAY = 0b1000000;

describe('a schedule', () => {
  it.each<[string, Window[], string | undefined, string, boolean, string | undefined]>([
    [
      'before it',
      [hours(DAILY, '21:00', '22:00')],
      AMSTERDAM,
      '2026-11-21T19:59Z',
      false,
      '2026-11-21T20:00Z',
    ],
    [
      'at its beginning',
      [hours(DAILY, '21:00', '22:00')],
      AMSTERDAM,
      '2026-11-21T20:00Z',
      true,
      '2026-11-21T21:00Z',
    ],
    [
      'at its end',
      [hours(DAILY, '21:00', '22:00')],
      AMSTERDAM,
      '2026-11-21T21:00Z',
      false,
      '2026-11-22T20:00Z',
    ],
    [
      'over midnight, the evening',
      [hours(MONDAY, '23:00', '07:00')],
      'UTC',
      '2026-11-23T23:30Z',
      true,
      '2026-11-24T07:00Z',
    ],
    [
      'over midnight, the morning after',
      [hours(MONDAY, '23:00', '07:00')],
      'UTC',
      '2026-11-24T06:59Z',
      true,
      '2026-11-24T07:00Z',
    ],
    [
      'over midnight, the morning of its own day',
      [hours(MONDAY, '23:00', '07:00')],
      'UTC',
      '2026-11-23T06:00Z',
      false,
      '2026-11-23T23:00Z',
    ],
    [
      'windows that touch',
      [hours(DAILY, '20:00', '22:00'), hours(DAILY, '22:00', '06:00')],
      'UTC',
      '2026-11-23T21:00Z',
      true,
      '2026-11-24T06:00Z',
    ],
    [
      'windows that overlap',
      [hours(DAILY, '20:00', '23:00'), hours(DAILY, '21:00', '22:00')],
      'UTC',
      '2026-11-23T20:00Z',
      true,
      '2026-11-23T23:00Z',
    ],
    ['all day, every day', [hours(DAILY, '00:00', '00:00')], 'UTC', '2026-11-23T20:00Z', true, undefined],
    ['a whole day', [hours(MONDAY, '00:00', '00:00')], 'UTC', '2026-11-23T20:00Z', true, '2026-11-24T00:00Z'],
    ['nothing', [], 'UTC', '2026-11-23T20:00Z', false, undefined],
    [
      'a zone that there is not is UTC',
      [hours(DAILY, '21:00', '22:00')],
      'Europe/Atlantis',
      '2026-11-21T21:30Z',
      true,
      '2026-11-21T22:00Z',
    ],
    [
      'no zone is UTC',
      [hours(DAILY, '21:00', '22:00')],
      undefined,
      '2026-11-21T21:30Z',
      true,
      '2026-11-21T22:00Z',
    ],
    // 29 March 2026: 02:00 CET is 03:00 CEST.
    [
      'clocks go forward: begins in the gap',
      [hours(SUNDAY, '02:30', '03:30')],
      AMSTERDAM,
      '2026-03-29T00:59Z',
      false,
      '2026-03-29T01:00Z',
    ],
    [
      'clocks go forward: begun in the gap',
      [hours(SUNDAY, '02:30', '03:30')],
      AMSTERDAM,
      '2026-03-29T01:00Z',
      true,
      '2026-03-29T01:30Z',
    ],
    [
      'clocks go forward: ends in the gap',
      [hours(SUNDAY, '01:00', '02:30')],
      AMSTERDAM,
      '2026-03-29T00:30Z',
      true,
      '2026-03-29T01:00Z',
    ],
    [
      'clocks go forward: all of it in the gap',
      [hours(SUNDAY, '02:00', '02:30')],
      AMSTERDAM,
      '2026-03-29T00:30Z',
      false,
      '2026-04-05T00:00Z',
    ],
    [
      'clocks go forward: the night is shorter',
      [hours(DAILY, '23:00', '07:00')],
      AMSTERDAM,
      '2026-03-28T22:00Z',
      true,
      '2026-03-29T05:00Z',
    ],
    // 25 October 2026: 03:00 CEST is 02:00 CET.
    [
      'clocks go back: begins the first time',
      [hours(SUNDAY, '02:30', '03:30')],
      AMSTERDAM,
      '2026-10-25T00:29Z',
      false,
      '2026-10-25T00:30Z',
    ],
    [
      'clocks go back: has no hole',
      [hours(SUNDAY, '02:30', '03:30')],
      AMSTERDAM,
      '2026-10-25T01:10Z',
      true,
      '2026-10-25T02:30Z',
    ],
    [
      'clocks go back: ends the last time',
      [hours(SUNDAY, '01:00', '02:30')],
      AMSTERDAM,
      '2026-10-25T00:45Z',
      true,
      '2026-10-25T01:30Z',
    ],
    [
      'clocks go back: the night is longer',
      [hours(DAILY, '23:00', '07:00')],
      AMSTERDAM,
      '2026-10-24T21:00Z',
      true,
      '2026-10-25T06:00Z',
    ],
  ])('%s', (_, windows, zone, moment, inForce, changesAt) => {
    expect(scheduleAt(windows, zone, at(moment))).toEqual({
      inForce,
      changesAt: changesAt === undefined ? undefined : at(changesAt),
    });
  });

  it('answers whatever a clock holds', () => {
    for (const moment of [Number.NaN, Number.POSITIVE_INFINITY, -1e18, 1e18, 0, 8.64e15]) {
      expect(() => scheduleAt([hours(DAILY, '21:00', '22:00')], AMSTERDAM, moment)).not.toThrow();
    }
  });

  it('looks at a bounded number of windows', () => {
    const many = [
      ...Array.from({ length: MAX_WINDOWS }, () => hours(DAILY, '01:00', '02:00')),
      hours(DAILY, '21:00', '22:00'),
    ];
    expect(scheduleAt(many, 'UTC', at('2026-11-21T21:30Z')).inForce).toBe(false);
  });
});

describe('readings of a clock on the wall', () => {
  it.each([
    ['2026-03-29T02:30Z', 'first', '2026-03-29T01:00Z'],
    ['2026-03-29T02:30Z', 'last', '2026-03-29T01:00Z'],
    ['2026-03-29T03:00Z', 'first', '2026-03-29T01:00Z'],
    ['2026-10-25T02:30Z', 'first', '2026-10-25T00:30Z'],
    ['2026-10-25T02:30Z', 'last', '2026-10-25T01:30Z'],
    ['2026-10-25T03:00Z', 'first', '2026-10-25T02:00Z'],
    ['2026-11-22T07:00Z', 'first', '2026-11-22T06:00Z'],
  ] as const)('%s, the %s time', (reading, which, moment) => {
    expect(momentOf(at(reading), AMSTERDAM, which)).toBe(at(moment));
  });

  it('are those of the zone', () => {
    expect(readingAt(at('2026-11-22T06:00Z'), 'Asia/Kathmandu')).toBe(at('2026-11-22T11:45Z'));
    expect(readingAt(at('2026-11-22T06:00Z'), 'nowhere')).toBe(at('2026-11-22T06:00Z'));
  });

  it('know zones by their names', () => {
    expect(['UTC', 'Europe/Amsterdam', 'Australia/Lord_Howe'].every(isKnownZone)).toBe(true);
    expect(['', '+01:00', 'Europe/Atlantis', 'x'.repeat(100)].some(isKnownZone)).toBe(false);
  });
});
