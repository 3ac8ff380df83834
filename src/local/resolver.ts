import { Resolver } from 'node:dns/promises';
import { canonicalAddress } from '../policy/address.ts';
import type { Address } from '../policy/block-set.ts';
import type { NodeCache } from './nodes/node-cache.ts';

const TIMEOUT_MS = 2_000;

/**
 * Asks this router's own resolver (/etc/resolv.conf) for the addresses of a domain, IPv4 and IPv6, once and within
 * 2 s. A name that does not exist or a resolver that does not answer gives none.
 */
export async function resolveDomain(domain: string): Promise<Address[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
  const answers = await Promise.allSettled([resolver.resolve4(domain), resolver.resolve6(domain)]);
  return answers
    .flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    .slice(0, 256)
    .flatMap((text) => canonicalAddress(text) ?? []);
}

/** Asks for a domain, and lets the node cache know the answer. Never rejects. */
export async function learnDomain(domain: string, cache: NodeCache): Promise<void> {
  const addresses = await resolveDomain(domain);
  if (addresses.length > 0) cache.apply({ kind: 'answer', domain, chain: [], addresses, ttlS: 0 });
}
