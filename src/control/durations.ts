import { UsageError } from '../errors.ts';
import type { Window } from '../policy/records.ts';
import { MAX_WINDOWS, momentOf, readingAt } from '../policy/schedule.ts';
import type { ReadAt } from './terms-text.ts';

/** Where and when a person types. */
export interface TypedAt extends ReadAt {
  /** `HH:MM`. */
  readonly bedtime: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A year and a leap day, seconds: whoever wants longer means for ever. */
const LONGEST_S = 366 * 86_400;
const UNITS = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 } as const;

const FOR_HINT = 'for example 90s, 10m, 2h, 1h30m, 1d or 1w';
const UNTIL_HINT = 'for example 07:00, "tomorrow 07:00", "2030-01-31 07:00" or bedtime';
const SCHEDULE_HINT =
  'for example "mon-fri 21:00-07:00, sat,sun 23:00-08:00", "daily 21:00-07:00" or "school nights 21:00-07:00"';

const DAY_NAMES = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const DAY_FORMS = /^(mon|tue|wed|thu|fri|sat|sun)(day|s|sday|nesday|rsday|urday|r|rs)?$/;
/** Bit 0 is Monday. A school night is the evening before a school day. */
const DAYS: Readonly<Record<string, number>> = {
  daily: 0b1111111,
  'every day': 0b1111111,
  weekdays: 0b0011111,
  weekend: 0b1100000,
  weekends: 0b1100000,
  'school nights': 0b1001111,
};

/** `10m`, `2h`, `1h30m`, `90s`, `1d`, `1w` → seconds, 1 second to a year. UsageError for anything else. */
export function parseFor(text: string): number {
  const wrong = (why: string) => new UsageError(`${quoted(text)} ${why}`, { hint: FOR_HINT });
  const parts = /^(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(
    text.toLowerCase().replaceAll(/\s/g, ''),
  );
  if (parts === null || parts.slice(1).every((part) => part === undefined))
    throw wrong('is not a length of time');
  const seconds = Object.values(UNITS).reduce((sum, unit, i) => sum + unit * Number(parts[i + 1] ?? 0), 0);
  if (seconds < 1) throw wrong('is no time at all');
  if (seconds > LONGEST_S) throw wrong('is longer than a year: leave it out for as long as you like');
  return seconds;
}

/**
 * `07:00`, `today 22:00`, `tomorrow 07:00`, `2030-01-31 07:00` or `bedtime` → the next such moment in the zone, Unix milliseconds,
 * never past and at most a year ahead. UsageError for anything else. Of a time that comes twice when clocks go back it is
 * the last.
 */
export function parseUntil(text: string, { now, zone, bedtime }: TypedAt): number {
  const wrong = (why: string) => new UsageError(`${quoted(text)} ${why}`, { hint: UNTIL_HINT });
  const typed = text
    .trim()
    .toLowerCase()
    .replace(/\bbedtime$/, bedtime);
  const parts = /^(?:(today|tomorrow|\d{4}-\d{2}-\d{2})[ t]+)?(\d{1,2}):(\d{2})$/.exec(typed);
  const minutes = minutesOf(parts?.[2], parts?.[3]);
  if (parts === null || minutes === undefined || minutes === 1440) throw wrong('is not a moment');
  const today = Math.floor(readingAt(now, zone) / DAY_MS) * DAY_MS;
  const on = (day: number) => momentOf(day + minutes * MINUTE_MS, zone, 'last');
  const word = parts[1];
  if (word === undefined) return on(today) > now ? on(today) : on(today + DAY_MS);
  const day = word === 'today' ? today : word === 'tomorrow' ? today + DAY_MS : dayOf(word);
  if (day === undefined) throw wrong('is not in the calendar');
  const moment = on(day);
  if (moment <= now) throw wrong('is past');
  if (moment > now + LONGEST_S * 1000) throw wrong('is more than a year ahead');
  return moment;
}

/**
 * Days and times → windows, each belonging to the days on which it begins. Days without times take the next times; times
 * without days take the days before them, or every day. UsageError for anything else.
 */
export function parseSchedule(text: string): Window[] {
  const wrong = (why: string) => new UsageError(`${quoted(text)} ${why}`, { hint: SCHEDULE_HINT });
  const windows: Window[] = [];
  let last = 0b1111111;
  let waiting = 0;
  for (const item of text.toLowerCase().replaceAll(/[–—]/g, '-').split(/[,;]/)) {
    const parts = /^(.*?)(?:(?<=^|\s)(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2}))?$/s.exec(item.trim());
    const words = (parts?.[1] ?? '').trim();
    const days = words === '' ? 0 : daysOf(words);
    if (days === undefined) throw wrong(`names no days that are known: ${quoted(words)}`);
    if (parts?.[2] === undefined) {
      if (days === 0) throw wrong('is not a schedule');
      waiting |= days;
      continue;
    }
    const from = minutesOf(parts[2], parts[3]);
    const to = minutesOf(parts[4], parts[5]);
    if (from === undefined || to === undefined || from === 1440) throw wrong('has a time that is none');
    if (from === to) throw wrong('begins and ends at the same time: for a whole day say 00:00-24:00');
    last = waiting | days || last;
    waiting = 0;
    windows.push({ days: last, from, to: to % 1440 });
  }
  if (waiting !== 0) throw wrong('has days without times');
  if (windows.length > MAX_WINDOWS) throw wrong(`has more than ${MAX_WINDOWS} windows`);
  return windows;
}

/** A day's first millisecond as a reading; undefined for 30 February. */
function dayOf(date: string): number | undefined {
  const day = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date ? undefined : day;
}

/** Minutes after midnight, 1440 for 24:00. */
function minutesOf(hour: string | undefined, minute: string | undefined): number | undefined {
  const minutes = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && minutes <= 1440 ? minutes : undefined;
}

/** `mon`, `mon-fri`, `sat sun`, `daily`, `school nights` … */
function daysOf(words: string): number | undefined {
  const known = Object.hasOwn(DAYS, words.replaceAll(/\s+/g, ' '))
    ? DAYS[words.replaceAll(/\s+/g, ' ')]
    : undefined;
  if (known !== undefined) return known;
  let days = 0;
  for (const word of words.replaceAll(/\s*-\s*/g, '-').split(/\s+/)) {
    const [from, to = from, ...rest] = word.split('-').map(dayIndex);
    if (from === undefined || to === undefined || rest.length > 0) return undefined;
    for (let day = from; ; day = (day + 1) % 7) {
      days |= 1 << day;
      if (day === to) break;
    }
  }
  return days;
}

function dayIndex(word: string): number | undefined {
  const index = DAY_NAMES.indexOf(DAY_FORMS.exec(word)?.[1] ?? '');
  return index < 0 ? undefined : index;
}

/** What a person typed, as part of a message: not all of it, and no control characters. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
