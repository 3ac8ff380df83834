import { toHex } from '../../src/policy/crypto.ts';
import { replica } from './household.ts';
import type { FoldVector } from './vectors.ts';

/** What a replica makes of envelopes. */
export function fold(name: string, envelopes: readonly Uint8Array[]): FoldVector {
  const ids: string[] = [];
  const home = replica((op) => ids.push(op.id));
  for (const envelope of envelopes) home.admit(envelope);
  return {
    name,
    envelopes: envelopes.map(toHex),
    members: home.members().map(({ peer, admin, depth, evicted, left }) => ({
      peer,
      admin,
      depth,
      evicted: evicted !== undefined,
      left,
    })),
    counted: ids.filter((id) => home.counts(id)).sort(),
    live: [...home.live.keys()].sort(),
    digest: home.digest,
  };
}
