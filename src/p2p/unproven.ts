import type { MultiaddrConnection } from '@libp2p/interface';
import { canonicalAddress, canonicalPrefix, familyOf } from '../policy/address.ts';
import { hangUp } from './hang-up.ts';

/** So many connections that came in may be waiting for their handshake to end. */
export const MAX_UNPROVEN = 64;

/**
 * Connections that came in and have not proved yet who they are. Rubbish and silence may keep a place for as long as a handshake may
 * take; so that they keep no member out, whoever is new always gets one, and it is taken from the address that has most: its oldest.
 * Many routers on one address take from nobody as long as there is room.
 */
export class Unproven {
  readonly #max: number;
  readonly #waiting = new Map<MultiaddrConnection, string>();
  readonly #onRefused: () => void;

  /** @param onRefused one ended without a proof: by itself, by its deadline, or because another needed its place. */
  constructor(onRefused: () => void, max = MAX_UNPROVEN) {
    this.#onRefused = onRefused;
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.size;
  }

  came(connection: MultiaddrConnection): void {
    if (this.#waiting.size >= this.#max) this.#makeRoom();
    this.#waiting.set(connection, whence(connection.remoteAddr.toString()));
    connection.addEventListener('close', () => this.#ended(connection), { once: true });
  }

  /** It has proved a key; whose, and whether that is let in, is not judged here. */
  proved(connection: MultiaddrConnection): void {
    this.#waiting.delete(connection);
  }

  #ended(connection: MultiaddrConnection): void {
    if (this.#waiting.delete(connection)) this.#onRefused();
  }

  #makeRoom(): void {
    const counts = new Map<string, number>();
    for (const from of this.#waiting.values()) counts.set(from, (counts.get(from) ?? 0) + 1);
    const most = Math.max(...counts.values());
    for (const [connection, from] of this.#waiting) {
      if (counts.get(from) !== most) continue;
      this.#ended(connection);
      hangUp(connection, 'others need the place');
      return;
    }
  }
}

/** What one machine can come from: an IPv4 address, or a /64 of IPv6 (RFC 4291, 2.5.1), in which it may choose. */
export function whence(address: string): string {
  const [, kind, host = ''] = address.split('/');
  const known = kind === 'ip4' || kind === 'ip6' ? canonicalAddress(host) : undefined;
  if (known === undefined) return address;
  return familyOf(known) === 4 ? known : (canonicalPrefix(`${known}/64`) ?? known);
}
