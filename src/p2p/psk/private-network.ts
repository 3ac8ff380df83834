/**
 * libp2p's private networks (specs/pnet/Private-Networks-PSK-V1.md). Its cipher, xsalsa20 1.2.0, has all streams share one memory of
 * WebAssembly: each connection that ever was keeps 128 bytes of it, a stranger's too, and once it grows, which it does after some
 * 5,000 of them, any two streams make each other's view stale and it grows with every message, until it may not and the agent
 * dies of that. Its cipher in JavaScript keeps nothing, and takes 6 µs instead of 3 for a frame. It is chosen while it is
 * loaded, where there is no WebAssembly; so these three stand in this order.
 */
import './hide-wasm.ts';
import { preSharedKey } from '@libp2p/pnet';
import './show-wasm.ts';
import { toHex } from '../../policy/crypto.ts';

/** Protects connections with a key of 32 bytes that all routers of a home have. */
export function privateNetwork(psk: Uint8Array): ReturnType<typeof preSharedKey> {
  return preSharedKey({ psk: pskFile(psk) });
}

/** The file format that a key is shared in. */
function pskFile(psk: Uint8Array): Uint8Array {
  return new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${toHex(psk)}`);
}
