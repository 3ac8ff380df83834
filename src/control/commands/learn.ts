import type { Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import { addressesOf } from './standing.ts';

/** So many domains are looked up for one command; the others are learned when somebody asks for them. */
const MAX_LOOKUPS = 32;

/** Domains of which nobody knows an address are looked up once, so that a block bites from the first packet. */
export async function learn(parts: Parts, subjects: readonly Subject[]): Promise<void> {
  const unknown = subjects.filter(
    (subject) => subject.kind === 'domain' && addressesOf(parts, subject).length === 0,
  );
  const lookups = unknown
    .slice(0, MAX_LOOKUPS)
    .map((subject) => (subject.kind === 'domain' ? parts.resolve(subject.domain) : undefined));
  await Promise.all(lookups);
}
