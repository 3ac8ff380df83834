import { UsageError } from '../../errors.ts';
import type { Terms } from '../../policy/records.ts';
import { isKnownZone } from '../../policy/schedule.ts';
import { MAX_TRIAL_S } from '../../policy/terms.ts';
import { parseFor, parseSchedule, parseUntil } from '../durations.ts';
import type { Parts } from '../parts.ts';

/** For how long, as a person typed it. */
export interface TermsRequest {
  /** `2h` */
  readonly for?: string | undefined;
  /** `07:00`, `bedtime` */
  readonly until?: string | undefined;
  /** `mon-fri 21:00-07:00` */
  readonly schedule?: string | undefined;
  /** A trial of so long, `90s`: it ends by itself unless it is confirmed. */
  readonly trial?: string | undefined;
  readonly reason?: string | undefined;
}

/**
 * What was typed as terms. A time of day means nothing on a router that does not know what time it is: UsageError with the
 * reason. `until` is kept only by a trusted clock, and with `for` beside it: no router ends a block early (policy.md).
 */
export function termsOf(parts: Parts, request: TermsRequest): Terms {
  const given = (['for', 'until', 'trial'] as const).filter((name) => request[name] !== undefined);
  if (given.length > 1 || (request.trial !== undefined && request.schedule !== undefined)) {
    const names = [...given, ...(request.schedule === undefined ? [] : ['schedule'])];
    throw new UsageError(`${names.map(optionOf).join(' and ')} do not go together`, {
      hint: 'say one way in which it ends',
    });
  }
  const { trusted, why } = parts.clockTrust();
  if (!trusted && (request.until !== undefined || request.schedule !== undefined)) {
    throw new UsageError(`this router does not know what time it is: ${why}`, {
      hint: 'use --for, which is counted without a clock, or type it on a router whose clock is right',
    });
  }
  const zone = parts.config.home.timeZone;
  if ((request.until !== undefined || request.schedule !== undefined) && !isKnownZone(zone)) {
    throw new UsageError(`nothing is known of the time zone "${zone}" of this machine`, {
      hint: 'set home.timeZone in the configuration, for example to Europe/Amsterdam',
    });
  }
  return {
    ...ending(parts, request, trusted),
    ...(request.schedule === undefined ? {} : { windows: parseSchedule(request.schedule), zone }),
    ...(request.reason === undefined ? {} : { reason: request.reason }),
  };
}

function ending({ clock, config }: Parts, request: TermsRequest, trusted: boolean): Terms {
  const now = clock.now();
  if (request.trial !== undefined) {
    const seconds = parseFor(request.trial);
    if (seconds <= MAX_TRIAL_S) return { for: seconds };
    throw new UsageError('a trial lasts an hour at most', { hint: 'use --for for a longer time' });
  }
  if (request.for !== undefined) {
    const seconds = parseFor(request.for);
    return { for: seconds, ...(trusted ? { until: now + seconds * 1000 } : {}) };
  }
  if (request.until !== undefined) {
    const { timeZone: zone, bedtime } = config.home;
    const until = parseUntil(request.until, { now, zone, bedtime });
    return { for: Math.ceil((until - now) / 1000), until };
  }
  return {};
}

function optionOf(name: string): string {
  return name === 'trial' ? '--confirm' : `--${name}`;
}

/** True for what ends by itself. */
export function isTimed(terms: Terms): boolean {
  return terms.for !== undefined || terms.until !== undefined;
}

export function isScheduled(terms: Terms): boolean {
  return (terms.windows ?? []).length > 0;
}

/** True for what holds always, until it is lifted. */
export function isLasting(terms: Terms): boolean {
  return !isTimed(terms) && !isScheduled(terms);
}

/** True when asking for `wanted` where `held` holds would change nothing. What is counted from now on never is the same. */
export function sameTerms(held: Terms, wanted: Terms): boolean {
  const counted = wanted.for !== undefined && wanted.until === undefined;
  return (
    !counted &&
    held.until === wanted.until &&
    (held.for === undefined) === (wanted.for === undefined) &&
    held.reason === wanted.reason &&
    held.zone === wanted.zone &&
    JSON.stringify(held.windows ?? []) === JSON.stringify(wanted.windows ?? [])
  );
}
