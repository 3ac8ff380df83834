import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';

export interface StrangersOptions {
  readonly clock: Clock;
  readonly trusted: (peer: PeerKey) => boolean;
  /** It has said that it goes: it may hear from us that we know, before it is cut off. */
  readonly left: (peer: PeerKey) => boolean;
}

/** So long a router that goes stays connected, milliseconds. */
const FAREWELL_MS = 3_000;

/** Finds peers that are no members any more. */
export class Strangers {
  readonly #options: StrangersOptions;
  #known: ReadonlySet<PeerKey> = new Set();
  /** When a connected peer was first seen to have left, monotonic milliseconds. */
  readonly #goodbyes = new Map<PeerKey, number>();

  constructor(options: StrangersOptions) {
    this.#options = options;
  }

  /** Who is to be cut off and forgotten now. */
  look(members: readonly PeerKey[], connected: ReadonlySet<PeerKey>): PeerKey[] {
    const { trusted } = this.#options;
    const strangers = [...new Set([...connected, ...this.#known])].filter(
      (peer) => !trusted(peer) && !(connected.has(peer) && this.#saysGoodbye(peer)),
    );
    for (const peer of strangers) this.#goodbyes.delete(peer);
    this.#known = new Set(members);
    return strangers;
  }

  #saysGoodbye(peer: PeerKey): boolean {
    const { clock, left } = this.#options;
    if (!left(peer)) return false;
    const since = this.#goodbyes.get(peer) ?? clock.monotonic();
    this.#goodbyes.set(peer, since);
    return clock.monotonic() - since < FAREWELL_MS;
  }
}
