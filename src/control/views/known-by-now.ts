import type { NodeId } from '../../policy/block-set.ts';
import { addressNodeId } from '../../policy/identity.ts';
import { registrable } from '../../policy/registrable.ts';
import type { Parts } from '../parts.ts';

type Known = Pick<Parts, 'cache' | 'crypto' | 'replica'>;

/*
 * Addresses that were met before their names. A connection is often older than the answer that tells whose its address is,
 * above all after a start of the agent. Flows stay with the node that they were observed under; they are shown with the one that
 * a new connection to the address would be of, while the names of the address have one owner (policy/sightings.ts has the same
 * rule). What a policy or a person's word refers to is left alone: of that classes tell.
 */

/** The node that a bare address is by now: of the domain that answered with it last, or itself. */
export function knownByNow({ cache }: Pick<Known, 'cache'>, id: NodeId): NodeId {
  const seen = cache.descriptor(id);
  const [address] = seen?.addresses ?? [];
  if (seen === undefined || seen.device || seen.domains.length > 0 || address === undefined) return id;
  if (cache.referred.has(id)) return id;
  const owners = new Set(cache.domainsOf(address.address).map(registrable));
  return (owners.size === 1 ? cache.remoteByAddress(address.address) : undefined) ?? id;
}

/** These nodes, what they are by now, and the bare addresses that are the same by now. */
export function withEarlier({ cache, crypto, replica }: Known, ids: Iterable<NodeId>): Set<NodeId> {
  const all = new Set([...ids].flatMap((id) => [id, knownByNow({ cache }, id)]));
  for (const id of [...all]) {
    const seen = cache.descriptor(id);
    if (seen === undefined || seen.device || seen.domains.length === 0) continue;
    for (const { address } of seen.addresses) {
      const bare = addressNodeId(crypto, replica.home, address);
      if (knownByNow({ cache }, bare) === id) all.add(bare);
    }
  }
  return all;
}
