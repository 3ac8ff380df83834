import { describe, expect, it } from 'vitest';
import { parseFor, parseSchedule, parseUntil } from '../../../src/control/durations.ts';

const usage = expect.objectContaining({ name: 'UsageError', hint: expect.stringContaining('for example') });
const iso = (ms: number) => new Date(ms).toISOString().replace(':00.000Z', 'Z');

describe('a length of time', () => {
  it.each([
    ['90s', 90],
    ['10m', 600],
    ['2h', 7_200],
    ['1h30m', 5_400],
    [' 1H 30M ', 5_400],
    ['1d', 86_400],
    ['1w', 604_800],
    ['1w2d3h4m5s', 788_645],
    ['52w', 31_449_600],
  ])('%s', (text, seconds) => expect(parseFor(text)).toBe(seconds));

  it.each(['', '10', 'm', '0s', '-1h', '1.5h', '30m1h', '2 hours', '54w', '999999999w', '1h1h', '1y'])(
    'refuses %j',
    (text) => expect(() => parseFor(text)).toThrow(usage),
  );
});

describe('a moment', () => {
  // 21:30 on a Saturday in Amsterdam.
  const at = { now: Date.parse('2026-11-21T20:30Z'), zone: 'Europe/Amsterdam', bedtime: '20:00' };
  it.each([
    ['22:00', '2026-11-21T21:00Z'],
    ['07:00', '2026-11-22T06:00Z'],
    ['7:00', '2026-11-22T06:00Z'],
    ['21:30', '2026-11-22T20:30Z'],
    ['today 22:00', '2026-11-21T21:00Z'],
    ['Tomorrow 22:00', '2026-11-22T21:00Z'],
    ['2026-12-24 07:00', '2026-12-24T06:00Z'],
    ['2027-07-01T07:00', '2027-07-01T05:00Z'],
    ['bedtime', '2026-11-22T19:00Z'],
    ['tomorrow bedtime', '2026-11-22T19:00Z'],
  ])('%s', (text, moment) => expect(iso(parseUntil(text, at))).toBe(moment));

  it.each([
    '',
    '7',
    '25:00',
    '24:00',
    '07:60',
    'today 07:00',
    '2026-11-21 07:00',
    '2026-02-30 07:00',
    '2028-01-01 07:00',
    'yesterday 07:00',
    'bedtimes',
    '07:00 tomorrow',
    '2026-13-01 00:00',
  ])('refuses %j', (text) => expect(() => parseUntil(text, at)).toThrow(usage));

  it('takes the later of a time that comes twice, and the change for one that is skipped', () => {
    const shortly = (now: string) => ({ ...at, now: Date.parse(now) });
    expect(iso(parseUntil('02:30', shortly('2026-10-24T20:00Z')))).toBe('2026-10-25T01:30Z');
    expect(iso(parseUntil('02:30', shortly('2026-03-28T20:00Z')))).toBe('2026-03-29T01:00Z');
  });
});

describe('a schedule', () => {
  it.each([
    ['daily 21:00-07:00', [[127, 1260, 420]]],
    ['21:00-07:00', [[127, 1260, 420]]],
    [
      'mon-fri 21:00-07:00, sat,sun 23:00-08:00',
      [
        [31, 1260, 420],
        [96, 1380, 480],
      ],
    ],
    ['Monday, Wednesday 9:00 – 12:00', [[5, 540, 720]]],
    [
      'mon wed 9:00-12:00; 14:00-16:00',
      [
        [5, 540, 720],
        [5, 840, 960],
      ],
    ],
    ['fri-mon 00:00-24:00', [[113, 0, 0]]],
    ['school nights 21:00-07:00', [[79, 1260, 420]]],
    [
      'weekdays 8:00-16:00, weekend 10:00-24:00',
      [
        [31, 480, 960],
        [96, 600, 0],
      ],
    ],
  ])('%s', (text, windows) => {
    expect(parseSchedule(text)).toEqual(windows.map(([days, from, to]) => ({ days, from, to })));
  });

  it.each([
    '',
    'mon',
    'daily',
    'mon-fri 21:00',
    'someday 21:00-07:00',
    'daily 21:00-25:00',
    'daily 24:00-07:00',
    'daily 07:00-07:00',
    'mon-tue-wed 21:00-07:00',
    'daily 21:00-07:00,',
    'constructor 21:00-07:00',
    Array.from({ length: 33 }, () => '21:00-07:00').join(','),
  ])('refuses %j', (text) => expect(() => parseSchedule(text)).toThrow(usage));
});
