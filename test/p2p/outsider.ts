import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { libp2pKeyOf } from '../../src/p2p/identity.ts';
import type { SigningKey } from '../../src/p2p/keys.ts';
import { toHex } from '../../src/policy/crypto.ts';

/** What a bare node runs beside libp2p's own. */
type Services = { identify: Identify; gossip: GossipSub };

/** A bare libp2p node that speaks no protocol of ours by itself, only gossip; `stops` gets what ends it. */
export async function outsider(
  key: SigningKey,
  psk: Uint8Array | undefined,
  stops: (() => Promise<void>)[],
): Promise<Libp2p<Services>> {
  const protector =
    psk && preSharedKey({ psk: new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${toHex(psk)}`) });
  const node = await createLibp2p({
    privateKey: libp2pKeyOf(key),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    ...(protector && { connectionProtector: protector }),
    services: { identify: identify(), gossip: gossipsub() },
  });
  stops.push(async () => await node.stop());
  return node;
}
