import type { BootMoment } from '../clock.ts';
import type { RecordId } from '../policy/block-set.ts';

/** What a router remembers of a record over restarts. All counts are of its monotonic clock, since it first saw the record. */
export interface SavedCount {
  /** Seconds for which it has been seen. */
  readonly seenS: number;
  /** The count at which the window of its schedule ends that was in force. */
  readonly window?: number | undefined;
  /** The count at which it had ended. */
  readonly endedS?: number | undefined;
}

/** More timed records than this are not counted on one router. */
export const MAX_COUNTS = 10_000;

const VERSION = 1;

/** @param saved when that is */
export function writeCounts(
  counts: Iterable<readonly [RecordId, SavedCount]>,
  saved?: BootMoment | undefined,
): string {
  const lines = [...counts].map(([id, { seenS, window, endedS }]) => [
    id,
    Math.floor(seenS),
    window === undefined ? null : Math.ceil(window),
    endedS === undefined ? null : Math.floor(endedS),
  ]);
  return JSON.stringify({ version: VERSION, saved, counts: lines });
}

/**
 * What was written, or nothing for text that is not of that form: then counting begins anew, and a block lasts longer,
 * never shorter. Lines that make no sense are left out.
 */
export function readCounts(text: string): Map<RecordId, SavedCount> {
  const counts = new Map<RecordId, SavedCount>();
  const saved = parseJson(text);
  if (typeof saved !== 'object' || saved === null || !('version' in saved) || !('counts' in saved))
    return counts;
  if (saved.version !== VERSION || !Array.isArray(saved.counts)) return counts;
  for (const line of saved.counts.slice(0, MAX_COUNTS)) {
    if (!Array.isArray(line)) continue;
    const [id, seenS, window, endedS]: unknown[] = line;
    if (typeof id !== 'string' || !isCount(seenS)) continue;
    counts.set(id, {
      seenS,
      ...(isCount(window) ? { window } : {}),
      ...(isCount(endedS) ? { endedS: Math.min(endedS, seenS) } : {}),
    });
  }
  return counts;
}

/** Seconds since counts were saved; undefined when they were in another boot of the machine, or do not say when. Never throws. */
export function secondsSince(text: string, now: BootMoment | undefined): number | undefined {
  const written = parseJson(text);
  if (typeof written !== 'object' || written === null || !('saved' in written)) return undefined;
  const { saved } = written;
  if (typeof saved !== 'object' || saved === null || !('boot' in saved) || !('ms' in saved)) return undefined;
  if (now === undefined || saved.boot !== now.boot || !isCount(saved.ms) || saved.ms > now.ms)
    return undefined;
  return (now.ms - saved.ms) / 1000;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
