import type { Terms, Window } from '../policy/records.ts';
import { readingAt } from '../policy/schedule.ts';
import type { Force } from '../policy/terms.ts';

/** Where and when a person reads. */
export interface ReadAt {
  /** Unix milliseconds. */
  readonly now: number;
  /** The home's IANA time zone. */
  readonly zone: string;
}

const DAY_MS = 86_400_000;
const DAY_NAMES = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/**
 * How it stands with the time of a policy, for people: `until 07:00`, `52 min left, counted here`,
 * `daily 21:00-07:00: in force until 07:00`, `waits for a trusted clock`. Empty for what lasts until it is lifted.
 */
export function describeTerms(terms: Terms, force: Force, at: ReadAt): string {
  const windows = terms.windows === undefined ? '' : describeWindows(terms.windows);
  // Only windows of another zone need to name it.
  const elsewhere = (terms.zone ?? 'UTC') === at.zone ? '' : ` (${terms.zone ?? 'UTC'})`;
  const schedule = windows === '' ? '' : `${windows}${elsewhere}: `;
  const end = schedule === '' || force.leftS === undefined ? '' : `; ends in ${describeLength(force.leftS)}`;
  return `${schedule}${describeForce(terms, force, at)}${end}`;
}

function describeForce(terms: Terms, { inForce, why }: Force, at: ReadAt): string {
  switch (why.kind) {
    case 'lasting':
      return '';
    case 'ended':
      return 'ended';
    case 'until':
      return `until ${describeMoment(why.at, at)}`;
    case 'counted':
      return `${describeLength(why.leftS)} left, counted here`;
    case 'schedule': {
      if (why.changesAt === undefined) return inForce ? 'always' : 'never';
      return `${inForce ? 'in force until' : 'next at'} ${describeMoment(why.changesAt, at)}`;
    }
    case 'untrusted': {
      const waits = 'waits for a trusted clock';
      return inForce && terms.until !== undefined
        ? `until ${describeMoment(terms.until, at)}, but stays: it ${waits}`
        : waits;
    }
  }
}

/** `07:00`, `tomorrow 07:00`, or with the date; in the home's zone. */
export function describeMoment(moment: number, { now, zone }: ReadAt): string {
  const reading = readingAt(moment, zone);
  const [date = '', time = ''] = new Date(reading).toISOString().split('T');
  const clock = time.slice(0, 5);
  const days = Math.floor(reading / DAY_MS) - Math.floor(readingAt(now, zone) / DAY_MS);
  return days === 0 ? clock : days === 1 ? `tomorrow ${clock}` : `${date} ${clock}`;
}

/** A length of time, from seconds: `45 s`, `52 min`, `3 h 20 min`, `2 d 4 h`. Rounded up, so that nothing is left only at the end. */
export function describeLength(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
  return `${Math.floor(hours / 24)} d${hours % 24 === 0 ? '' : ` ${hours % 24} h`}`;
}

/** Windows in the form in which they are typed. */
export function describeWindows(windows: readonly Window[]): string {
  return windows
    .map(({ days, from, to }) => `${describeDays(days)} ${describeMinutes(from)}-${describeMinutes(to)}`)
    .join(', ')
    .replaceAll(/\b00:00-00:00\b/g, '00:00-24:00');
}

function describeMinutes(minutes: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** `daily`, `mon-fri`, `sat,sun`. */
function describeDays(days: number): string {
  if (days === 0b1111111) return 'daily';
  const runs: string[] = [];
  for (let day = 0; day < 7; day++) {
    if ((days & (1 << day)) === 0) continue;
    const first = day;
    while (day < 6 && (days & (1 << (day + 1))) !== 0) day += 1;
    const names = DAY_NAMES.slice(first, day + 1);
    runs.push(...(names.length > 2 ? [`${names[0]}-${names.at(-1)}`] : names));
  }
  return runs.join(',');
}
