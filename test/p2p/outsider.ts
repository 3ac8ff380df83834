import { identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { libp2pKeyOf } from '../../src/p2p/identity.ts';
import type { SigningKey } from '../../src/p2p/keys.ts';
import { toHex } from '../../src/policy/crypto.ts';

/** A bare libp2p node that speaks no protocol of ours by itself; `stops` gets what ends it. */
export async function outsider(
  key: SigningKey,
  psk: Uint8Array,
  stops: (() => Promise<void>)[],
): Promise<Libp2p> {
  const node = await createLibp2p({
    privateKey: libp2pKeyOf(key),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionProtector: preSharedKey({
      psk: new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${toHex(psk)}`),
    }),
    services: { identify: identify() },
  });
  stops.push(async () => await node.stop());
  return node;
}
