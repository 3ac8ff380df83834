import type { LivePolicy } from '../commands/standing.ts';
import type { Parts } from '../parts.ts';
import { describeTerms } from '../terms-text.ts';

/** For how long a policy holds and what this router counts down, in words. */
export function termsInWords(parts: Parts, live: LivePolicy): string {
  const { clock, config } = parts;
  return describeTerms(live.record.terms, parts.force(live), {
    now: clock.now(),
    zone: config.home.timeZone,
  });
}
