import { isIP } from 'node:net';
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr';
import { canonicalAddress, isPublic, isSpecial } from '../policy/address.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { parsePeerId } from './identity.ts';

/** An address to dial or to listen on. */
export interface PeerAddress {
  /** Multiaddr text without a peer id: the identity of an address. */
  readonly text: string;
  /** Whom to expect there; undefined when the address does not say. */
  readonly peer: PeerKey | undefined;
}

const MAX_TEXT = 512;
const HOST = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

/**
 * Reads `host:port`, `[v6]:port` or a multiaddr over TCP (or `/memory/<name>`), with or without `/p2p/<peer id>`;
 * undefined for anything else. Never throws.
 */
export function parseAddress(text: string): PeerAddress | undefined {
  if (text.length > MAX_TEXT) return undefined;
  return text.startsWith('/') ? fromMultiaddr(text) : fromHostPort(text);
}

/** Public addresses and names are outside the home: they are asked less often. */
export function isOutside(address: PeerAddress): boolean {
  const [, kind, host = ''] = address.text.split('/');
  if (kind === 'memory') return false;
  const known = kind === 'ip4' || kind === 'ip6' ? canonicalAddress(host) : undefined;
  return known === undefined || isPublic(known);
}

/** True for an address that another router can dial: not a wildcard, not loopback, not link-local. */
export function isAnnounceable(text: string): boolean {
  const [, kind, host = ''] = text.split('/');
  if (kind !== 'ip4' && kind !== 'ip6') return true;
  const known = canonicalAddress(host);
  return known !== undefined && !isSpecial(known);
}

function fromHostPort(text: string): PeerAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  const host = match[1] ?? match[2] ?? '';
  const family = isIP(host);
  if (match[1] !== undefined && family !== 6) return undefined;
  if (family === 0 && (!HOST.test(host) || /^[\d.]+$/.test(host))) return undefined;
  const kind = family === 4 ? 'ip4' : family === 6 ? 'ip6' : 'dns';
  return fromMultiaddr(`/${kind}/${host}/tcp/${port}`);
}

function fromMultiaddr(text: string): PeerAddress | undefined {
  try {
    const parsed = multiaddr(text);
    const components = parsed.getComponents();
    const names = components.map((component) => component.name).join('/');
    if (!/^(?:memory|(?:ip4|ip6|dns|dns4|dns6)\/tcp)(?:\/p2p)?$/.test(names)) return undefined;
    const id = components.find((component) => component.code === CODE_P2P)?.value;
    const peer = id === undefined ? undefined : parsePeerId(id);
    if (id !== undefined && peer === undefined) return undefined;
    return { text: parsed.decapsulateCode(CODE_P2P).toString(), peer };
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
