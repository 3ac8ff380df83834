import { getDomain } from 'tldts';

/**
 * The registrable domain of a name (public suffix list, its private part included: two customers of one cloud are two
 * owners), or the name itself where there is none.
 */
export function registrable(domain: string): string {
  return getDomain(domain, { allowPrivateDomains: true }) ?? domain;
}
