import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../../errors.ts';
import type { Terms, Window } from '../../policy/records.ts';
import { parseFor, parseSchedule } from '../durations.ts';
import { describeWindows } from '../terms-text.ts';

/** Terms as a book writes them: in words that the command line takes as well. */
export interface TermsWords {
  /** Seconds where no words would say so many. */
  readonly for?: string | number | undefined;
  /** ISO 8601, UTC. */
  readonly until?: string | undefined;
  readonly schedule?: string | readonly Window[] | undefined;
  readonly zone?: string | undefined;
  readonly reason?: string | undefined;
}

const UNITS = [
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** `5400` is `1h30m`: what `--for` takes. */
export function formatFor(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}

/** ISO 8601 of Unix milliseconds; of what no calendar holds, the end of time. */
export function isoTime(ms: number): string {
  return new Date(Math.min(ms, MAX_DATE_MS)).toISOString();
}

/** The greatest moment that a Date holds (ECMA-262, 21.4.1.1). */
const MAX_DATE_MS = 8.64e15;

/** Terms in words; see {@link TermsWords}. */
export function termsToWords({ for: seconds, until, windows, zone, reason }: Terms): TermsWords {
  return {
    ...(seconds === undefined ? {} : { for: inWords(formatFor(seconds), seconds, parseFor) }),
    ...(until === undefined ? {} : { until: isoTime(until) }),
    ...(windows === undefined || windows.length === 0
      ? {}
      : { schedule: inWords(describeWindows(windows), windows, parseSchedule) }),
    ...(zone === undefined ? {} : { zone }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The words, if reading them gives the value: another version may have written what cannot be typed here. */
function inWords<T>(words: string, value: T, parse: (words: string) => unknown): string | T {
  try {
    return isDeepStrictEqual(parse(words), value) ? words : value;
  } catch (error) {
    if (error instanceof UsageError) return value;
    throw error;
  }
}
