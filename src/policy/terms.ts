import type { Terms } from './records.ts';
import { scheduleAt } from './schedule.ts';

/** What a router knows of time when it asks whether a record is in force. */
export interface Moment {
  /** Its wall clock, Unix milliseconds; perhaps wrong. */
  readonly wall: number;
  /** Whether it trusts that clock. */
  readonly trusted: boolean;
  /** Seconds that it has counted on its monotonic clock since it first saw the record, over restarts. */
  readonly elapsedS: number;
  /** The count at which the window that was in force ends: {@link Force.window} of the last look with a trusted clock. */
  readonly window?: number | undefined;
}

/**
 * Why a record is in force or not, and what is counted. `lasting`: until it is lifted. `until`: a time of the wall clock, Unix
 * milliseconds. `counted`: seconds left on this router's own count. `schedule`: its next change, Unix milliseconds.
 * `untrusted`: only a trusted clock can tell.
 */
export type Why =
  | { readonly kind: 'lasting' | 'ended' | 'untrusted' }
  | { readonly kind: 'until'; readonly at: number }
  | { readonly kind: 'counted'; readonly leftS: number }
  | { readonly kind: 'schedule'; readonly changesAt: number | undefined };

export interface Force {
  readonly inForce: boolean;
  /** For good: the record may be retired. A schedule that pauses has not ended. */
  readonly ended: boolean;
  readonly why: Why;
  /** Seconds after which to look again; undefined when time alone changes nothing. */
  readonly againS: number | undefined;
  /** Seconds until it ends for good, as far as that can be told now. */
  readonly leftS?: number | undefined;
  /** The count at which the present window ends: what to remember in case that trust is lost. */
  readonly window: number | undefined;
}

/** One way in which a record ends. */
interface End {
  readonly leftS: number;
  readonly why: Why;
}

const WEEK_S = 7 * 24 * 3600;

export const lasting: Force = {
  inForce: true,
  ended: false,
  why: { kind: 'lasting' },
  againS: undefined,
  window: undefined,
};

/** A trial is for trying, seconds. */
export const MAX_TRIAL_S = 3_600;

/** Nothing but `for`, and short: a trial that waits for `confirm` (policy.md, "Time"). */
export function isTrial({ until, windows = [], for: seconds = MAX_TRIAL_S + 1 }: Terms): boolean {
  return until === undefined && windows.length === 0 && seconds <= MAX_TRIAL_S;
}

/** Whether time has any say in these terms. */
export function isTimed(terms: Terms): boolean {
  return terms.for !== undefined || terms.until !== undefined || (terms.windows?.length ?? 0) > 0;
}

/**
 * Whether a record is in force at a moment (policy.md, Time and law P15). In doubt a block stays and an allow does not: a block ends
 * at the later of `until` (by a trusted clock) and first seen + `for`, an allow at the earlier; with `until` and a clock
 * that is not trusted a block ends by its `for` alone, and an allow waits. With a schedule both must hold.
 */
export function forceOf(kind: 'block' | 'allow', terms: Terms, moment: Moment): Force {
  const time = kind === 'block' ? blockInTime(terms, moment) : allowInTime(terms, moment);
  if (time.ended || terms.windows === undefined || terms.windows.length === 0) return time;
  const schedule = scheduled(kind, terms, moment);
  return {
    inForce: time.inForce && schedule.inForce,
    ended: false,
    why: time.inForce ? schedule.why : time.why,
    againS: least(time.againS, schedule.againS),
    leftS: time.leftS,
    window: schedule.window,
  };
}

function blockInTime(terms: Terms, moment: Moment): Force {
  const last = endsOf(terms, moment).reduce<End | undefined>(
    (later, end) => (later === undefined || end.leftS > later.leftS ? end : later),
    undefined,
  );
  if (last !== undefined) return untilThe(last);
  return terms.until === undefined ? lasting : { ...lasting, why: { kind: 'untrusted' } };
}

function allowInTime(terms: Terms, moment: Moment): Force {
  const first = endsOf(terms, moment).reduce<End | undefined>(
    (earlier, end) => (earlier === undefined || end.leftS < earlier.leftS ? end : earlier),
    undefined,
  );
  const force = first === undefined ? lasting : untilThe(first);
  // It may be later than `until` already, and this router may have seen the record late.
  const doubt = terms.until !== undefined && !moment.trusted;
  return doubt && !force.ended ? { ...force, inForce: false, why: { kind: 'untrusted' } } : force;
}

/** The ends that can be told at this moment. */
function endsOf(terms: Terms, { wall, trusted, elapsedS }: Moment): End[] {
  const ends: End[] = [];
  if (terms.for !== undefined) {
    const leftS = terms.for - elapsedS;
    ends.push({ leftS, why: { kind: 'counted', leftS } });
  }
  if (terms.until !== undefined && trusted) {
    ends.push({ leftS: (terms.until - wall) / 1000, why: { kind: 'until', at: terms.until } });
  }
  return ends;
}

function untilThe({ leftS, why }: End): Force {
  return leftS > 0
    ? { ...lasting, why, againS: leftS, leftS }
    : { ...lasting, inForce: false, ended: true, why: { kind: 'ended' } };
}

/**
 * By the windows while the clock is trusted. When trust is lost, a block that was in force stays for what was left of its
 * window; then, and if nothing was known, only a trusted clock can tell.
 */
function scheduled(kind: 'block' | 'allow', terms: Terms, moment: Moment): Force {
  const { wall, trusted, elapsedS, window } = moment;
  if (trusted) {
    const { inForce, changesAt } = scheduleAt(terms.windows ?? [], terms.zone, wall);
    const leftS = changesAt === undefined ? undefined : (changesAt - wall) / 1000;
    return {
      inForce,
      ended: false,
      why: { kind: 'schedule', changesAt },
      againS: leftS,
      window: inForce ? elapsedS + Math.min(leftS ?? WEEK_S, WEEK_S) : undefined,
    };
  }
  const leftS = (window ?? 0) - elapsedS;
  return kind === 'block' && leftS > 0
    ? { ...lasting, why: { kind: 'counted', leftS }, againS: leftS, window }
    : { ...lasting, inForce: false, why: { kind: 'untrusted' } };
}

function least(x: number | undefined, y: number | undefined): number | undefined {
  return x === undefined || y === undefined ? (x ?? y) : Math.min(x, y);
}
