import { SEEN, type SeenRange } from '../../store/seen-store.ts';

/** Names and keys of the history: numbers in names as 8 hex digits, so that their order is that of time. */

/** The totals per device, and up to which slice they go. */
export const TOTALS_KEY = `${SEEN.history}!totals`;

/** What one key holds, as a range. */
export function onlyKey(key: string): SeenRange {
  return { gte: key, lt: `${key}!` };
}

/**
 * A file of the history. Of slices: begun in `hour`, with slice `seq`; all of them are of the same day (UTC). Of a day: `hour` is
 * its first, and `seq` the newest slice that is in it, so that slices of that day up to it are not needed any more.
 */
export interface FileName {
  readonly kind: 'slices' | 'day';
  readonly hour: number;
  readonly seq: number;
}

export function fileName({ kind, hour, seq }: FileName): string {
  return `${hex(hour)}-${hex(seq)}${kind === 'day' ? '-d' : ''}`;
}

/** Undefined for what is no file of the history. */
export function readFileName(name: string): FileName | undefined {
  const [, hour, seq, day] = /^([0-9a-f]{8})-([0-9a-f]{8})(-d)?$/.exec(name) ?? [];
  if (hour === undefined || seq === undefined) return undefined;
  return {
    kind: day === undefined ? 'slices' : 'day',
    hour: Number.parseInt(hour, 16),
    seq: Number.parseInt(seq, 16),
  };
}

/** The day (UTC) that an hour is in. */
export function dayOfHour(hour: number): number {
  return Math.floor(hour / 24);
}

function hex(number: number): string {
  return Math.min(Math.max(0, Math.floor(number)), 0xff_ff_ff_ff)
    .toString(16)
    .padStart(8, '0');
}
