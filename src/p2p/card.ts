import type { Mac, Prefix } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { RouterCard } from '../policy/register-codec.ts';

/** How a segment names its router: the beginning of its key, which nobody can claim by taking its name. */
export function segmentRouter(peer: PeerKey): string {
  return peer.slice(0, 12);
}

/** What this router says of itself, in a fixed order. `listens` are multiaddrs; loopback ones help nobody. */
export function routerCard(
  name: string,
  lan: { readonly lanPrefixes: Iterable<Prefix>; readonly macs: Iterable<Mac> },
  listens: Iterable<string>,
): RouterCard {
  return {
    name,
    prefixes: [...lan.lanPrefixes].sort(),
    listens: [...listens].filter((address) => !/^\/(ip4\/127\.|ip6\/::1\/|ip6\/fe80:)/.test(address)).sort(),
    macs: [...lan.macs].sort(),
  };
}
