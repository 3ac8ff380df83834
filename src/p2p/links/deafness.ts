import type { PeerKey } from '../../policy/crypto.ts';
import { gossips, type Overlay } from '../overlay.ts';

/** A connection gets so long to bring up gossip before it is taken for deaf, milliseconds. */
const GOSSIP_MS = 5_000;
/** So many looks in a row must find gossip missing. */
const DEAF_LOOKS = 3;

/** Finds members that are connected and not heard on gossip, which libp2p does not notice (overlay.md, traps). */
export class Deafness {
  readonly #overlay: Overlay;
  readonly #topic: string;
  /** Looks in a row at which a connected peer had no gossip. */
  #looks = new Map<PeerKey, number>();

  /** @param topic the gossip topic on which every peer must be heard. */
  constructor(overlay: Overlay, topic: string) {
    this.#overlay = overlay;
    this.#topic = topic;
  }

  /** Whose connections are to be closed; each is answered once. To be called once a second. */
  look(connected: Iterable<{ readonly peer: PeerKey; readonly ageMs: number }>): PeerKey[] {
    const before = this.#looks;
    this.#looks = new Map();
    const deaf: PeerKey[] = [];
    const subscribed = this.#overlay.subscribers(this.#topic);
    for (const { peer, ageMs } of connected) {
      if (ageMs < GOSSIP_MS || this.#hears(peer, subscribed)) continue;
      const looks = (before.get(peer) ?? 0) + 1;
      if (looks < DEAF_LOOKS) this.#looks.set(peer, looks);
      else deaf.push(peer);
    }
    return deaf;
  }

  #hears(peer: PeerKey, subscribed: ReadonlySet<PeerKey>): boolean {
    const open = this.#overlay.connections(peer);
    return open.length === 0 || (subscribed.has(peer) && gossips(this.#overlay.gossip, open));
  }
}
