import type { Address, Mac, NodeId } from './block-set.ts';
import { type Crypto, fromHex, toHex, utf8 } from './crypto.ts';

/** A home's id: SHA-256 of its genesis, 64 hex digits. */
export type HomeId = string;

/**
 * A device's id: the first 16 bytes of SHA-256("hedgerow-node/1\0" ‖ home ‖ "mac\0" ‖ mac). Two routers that see the
 * same MAC give it the same id without talking; another home gives it another one.
 */
export function deviceId(crypto: Crypto, home: HomeId, mac: Mac): NodeId {
  return nodeId(crypto, home, `mac\0${mac}`);
}

/** The id of a remote that is known by a domain; see {@link deviceId}. */
export function domainNodeId(crypto: Crypto, home: HomeId, domain: string): NodeId {
  return nodeId(crypto, home, `domain\0${domain}`);
}

/** The id of a remote of which only an address is known; see {@link deviceId}. */
export function addressNodeId(crypto: Crypto, home: HomeId, address: Address): NodeId {
  return nodeId(crypto, home, `address\0${address}`);
}

function nodeId(crypto: Crypto, home: HomeId, key: string): NodeId {
  const homeBytes = fromHex(home) ?? utf8(home);
  return toHex(crypto.sha256(utf8('hedgerow-node/1\0'), homeBytes, utf8(key)).subarray(0, 16));
}
