import type { RecordId } from '../../policy/block-set.ts';
import type { Terms } from '../../policy/records.ts';
import type { LivePolicy, PolicyKind } from './standing.ts';
import { isLasting, isScheduled, isTimed, sameTerms } from './terms.ts';

/** A policy that is to be made, beside what is there for its pair. */
export interface Wanted {
  readonly kind: PolicyKind;
  readonly terms: Terms;
  /**
   * Whether it may take the place of what holds longer: `block --for 2h` of what was blocked for good changes that, a pause
   * and a trial do not.
   */
  readonly mayShorten: boolean;
}

export interface Replacing {
  /** What holds already just as it is wanted: nothing has to be added. */
  readonly already: readonly LivePolicy[];
  /** What is retired. */
  readonly over: readonly LivePolicy[];
  /** Policies of the other kind beside which this one would do nothing. */
  readonly inTheWay: readonly LivePolicy[];
}

/**
 * What becomes of the policies of one pair when another one is made. The rule behind it: what is for a time retires only
 * what is for a time, so that nothing is gone for good when it ends; what lasts retires what it contradicts; a schedule
 * stays beside exceptions for a time. What has `ended` is swept away.
 */
export function replacing(
  wanted: Wanted,
  same: readonly LivePolicy[],
  other: readonly LivePolicy[],
  ended: (live: LivePolicy) => boolean,
): Replacing {
  const already: LivePolicy[] = [];
  const over: LivePolicy[] = [];
  const inTheWay: LivePolicy[] = [];
  for (const live of same) {
    if (ended(live)) over.push(live);
    else if (isKept(wanted, live.record.terms)) already.push(live);
    else if (replaces(wanted, live.record.terms)) over.push(live);
  }
  for (const live of other) {
    if (ended(live) || contradicts(wanted, live.record.terms)) over.push(live);
    else if (wanted.kind === 'allow' && isLasting(live.record.terms)) inTheWay.push(live);
  }
  return { already, over, inTheWay };
}

function isKept({ terms, mayShorten }: Wanted, held: Terms): boolean {
  return sameTerms(held, terms) || (!mayShorten && isLasting(held));
}

function replaces({ terms, mayShorten }: Wanted, held: Terms): boolean {
  if (isTimed(terms) && !isScheduled(terms)) {
    if (isScheduled(held)) return false;
    return isTimed(held) ? mayShorten || !isLonger(held, terms) : mayShorten;
  }
  return isLasting(terms) || !isTimed(held) || isScheduled(held);
}

/** On one pair a block wins; only a schedule gives way, to an exception for a time (policy.md). */
function contradicts({ kind, terms }: Wanted, held: Terms): boolean {
  if (isLasting(terms)) return true;
  return kind === 'allow' && isTimed(terms) && isTimed(held) && !isScheduled(held);
}

/** True when `held` may end after what is written now: in doubt it is kept. */
function isLonger(held: Terms, terms: Terms): boolean {
  if ((held.for ?? 0) > (terms.for ?? 0)) return true;
  return held.until !== undefined && (terms.until === undefined || held.until > terms.until);
}

/** The ids of policies. */
export function recordIds(policies: readonly LivePolicy[]): RecordId[] {
  return policies.map(({ id }) => id);
}
