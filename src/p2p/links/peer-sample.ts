import type { PeerKey } from '../../policy/crypto.ts';

/**
 * Of so many peers addresses are kept. Enough that links can be drawn as if from the whole home (the last point that seed
 * 003 discusses: "calculated from the number of connections and the refresh time"): within one lease, before what is
 * kept is renewed, a quarter of `links` is drawn at every re-drawing, and no peer need be drawn twice; beside the links that
 * stand. With 8 links, re-drawn every 10 minutes, and leases of a day: 8 + 2 · 144 = 296.
 */
export function sampleSize(links: number, leaseMs: number, redrawMs: number): number {
  return links + Math.ceil(links / 4) * Math.ceil(leaseMs / redrawMs);
}

/**
 * Where a peer stands in the order of a seed: who is kept are those with the lowest rank, and so a uniform sample, however often
 * each is heard of (min-wise sampling: Bortnikov et al., Brahms, 2009). FNV-1a, mixed by MurmurHash3's finalizer: 32 bits.
 */
export function rankOf(seed: number, peer: PeerKey): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < peer.length; i++) hash = Math.imul(hash ^ peer.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
  return (hash ^ (hash >>> 16)) >>> 0;
}
