import { FixedOffsetZone, IANAZone, type Zone } from 'luxon';
import type { Window } from './records.ts';

/**
 * A date and a time of day as a clock on the wall shows them, in milliseconds since 1970 as if the zone were UTC:
 * `Date.UTC(2026, 10, 22, 7)` is 7 o'clock on 22 November, wherever that wall is.
 */
export type Reading = number;

export interface ScheduleState {
  readonly inForce: boolean;
  /** When that changes, Unix milliseconds; undefined if it never does. */
  readonly changesAt: number | undefined;
}

/** More windows than this in one record are not looked at: they cost every router time at every change. */
export const MAX_WINDOWS = 32;

/** How far a zone is ahead of UTC at a moment, milliseconds. */
type Offset = (moment: number) => number;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The last moment of the year 9999: a clock beyond it is broken. */
const LAST_MOMENT = 253_402_300_799_000;
/** A window that falls into a gap comes again a week later: two weeks show every change. */
const DAYS_AHEAD = 15;
/** A window of the evening before may still run, also where clocks go back over midnight. */
const DAYS_BACK = 2;
/** No zone changes its offset and back again within so long. */
const STEADY = 4 * DAY;

/** Zones come from other routers as text: known ones are kept here, at most so many. */
const zones = new Map<string, Zone>();
const MAX_ZONES = 1_000;

/** Whether this is the name of a time zone of the IANA database, for example `Europe/Amsterdam`. */
export function isKnownZone(name: string): boolean {
  return !/^[+-]/.test(name) && IANAZone.isValidZone(name);
}

/** What a clock on a wall of this zone shows at a moment (Unix milliseconds). An unknown zone is UTC. */
export function readingAt(moment: number, zone: string | undefined): Reading {
  const at = plausible(moment);
  return at + offsetOf(zone)(at);
}

/**
 * The moment (Unix milliseconds) at which a clock on a wall of this zone shows a reading. A reading that is skipped when clocks
 * go forward is reached the moment they do; one that comes twice when they go back is taken the `first` or the `last` time.
 */
export function momentOf(reading: Reading, zone: string | undefined, which: 'first' | 'last'): number {
  return momentIn(offsetOf(zone), plausible(reading), which);
}

/**
 * Whether a schedule is in force at a moment (Unix milliseconds), and when that changes. A window belongs to the day on
 * which it begins; it runs from the first moment at which the clock shows its beginning until the last at which it
 * shows less than its end, so that a night on which clocks change has no hole in it. Windows that touch are one stretch.
 */
export function scheduleAt(windows: readonly Window[], zone: string | undefined, at: number): ScheduleState {
  const moment = plausible(at);
  const offset = steadyAround(moment, offsetOf(zone));
  let stretchEnd: number | undefined;
  for (const { begin, end } of stretches(windows, offset, moment)) {
    if (stretchEnd !== undefined) {
      if (begin > stretchEnd) return { inForce: true, changesAt: stretchEnd };
      stretchEnd = Math.max(stretchEnd, end);
    } else if (begin > moment) {
      return { inForce: false, changesAt: begin };
    } else if (end > moment) {
      stretchEnd = end;
    }
  }
  return { inForce: stretchEnd !== undefined, changesAt: undefined };
}

/** The windows of the days around a moment as moments, in order of their beginnings; lazily, for most are never asked for. */
function* stretches(
  windows: readonly Window[],
  offset: Offset,
  moment: number,
): Iterable<{ begin: number; end: number }> {
  const byBeginning = windows.slice(0, MAX_WINDOWS).sort((x, y) => x.from - y.from);
  const today = Math.floor((moment + offset(moment)) / DAY);
  for (let day = today - DAYS_BACK; day <= today + DAYS_AHEAD; day++) {
    const bit = 1 << weekday(day);
    for (const { days, from, to } of byBeginning) {
      if ((days & bit) === 0) continue;
      const begin = momentIn(offset, day * DAY + from * MINUTE, 'first');
      const end = endIn(offset, (to <= from ? day + 1 : day) * DAY + to * MINUTE);
      if (end > begin) yield { begin, end };
    }
  }
}

/**
 * The moment from which on a clock shows a reading or more: right after the last one at which it shows less. When clocks go
 * back to just this reading that is the first time that it comes.
 */
function endIn(offset: Offset, reading: Reading): number {
  const less = momentIn(offset, reading - 1, 'last');
  // A reading in the gap is reached as a whole minute, the others a millisecond before one.
  return Math.ceil(less / MINUTE) * MINUTE;
}

/** 0 is Monday; `day` counts from 1 January 1970, which was a Thursday. */
function weekday(day: number): number {
  return (day + 3) % 7;
}

function momentIn(offset: Offset, reading: Reading, which: 'first' | 'last'): number {
  // Offsets lie between −12 and +14 hours, so these two are those before and after any change near this reading.
  const before = offset(reading - 15 * HOUR);
  const after = offset(reading + 13 * HOUR);
  const old = reading - before;
  if (before === after) return old;
  const fresh = reading - after;
  const isOld = offset(old) === before;
  const isFresh = offset(fresh) === after;
  if (isOld && isFresh) return which === 'first' ? Math.min(old, fresh) : Math.max(old, fresh);
  if (isOld) return old;
  return isFresh ? fresh : changeBetween(offset, fresh, old, after);
}

/** The moment at which the offset becomes `after`, by halving. */
function changeBetween(offset: Offset, from: number, to: number, after: number): number {
  let [still, changed] = [from, to];
  while (changed - still > 1) {
    const middle = Math.floor((still + changed) / 2);
    if (offset(middle) === after) changed = middle;
    else still = middle;
  }
  return changed;
}

function offsetOf(name: string | undefined): Offset {
  const zone = name === undefined ? FixedOffsetZone.utcInstance : zoneOf(name);
  return (moment) => zone.offset(moment) * MINUTE;
}

/** The same, but quick near a moment around which no clocks change, as is nearly always so: to look up an offset is slow. */
function steadyAround(moment: number, offset: Offset): Offset {
  const [from, to] = [moment - STEADY, moment + STEADY];
  const steady = offset(from);
  if (offset(to) !== steady) return offset;
  return (at) => (at >= from && at <= to ? steady : offset(at));
}

function zoneOf(name: string): Zone {
  const kept = zones.get(name);
  if (kept !== undefined) return kept;
  // By its one spelling, or whoever varies the case of letters could fill the cache of the library.
  const zone = isKnownZone(name)
    ? IANAZone.create(new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone)
    : FixedOffsetZone.utcInstance;
  if (zones.size >= MAX_ZONES) zones.clear();
  zones.set(name, zone);
  return zone;
}

/** Within what a calendar can tell: a clock may hold anything. */
function plausible(moment: number): number {
  return Number.isNaN(moment) ? 0 : Math.min(Math.max(moment, 0), LAST_MOMENT);
}
