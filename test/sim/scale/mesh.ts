import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { Random } from '../random.ts';
import type { Wire } from './dial.ts';

/** As src/p2p/overlay.ts sets gossipsub up. */
const D = 4;
const D_LOW = 3;
const D_HIGH = 12;
export const HEARTBEAT_MS = 5_000;

/**
 * Gossipsub in short: what is our own goes to everybody who is connected (flood publish), what is new of others to the mesh of
 * about four links. Not here: IHAVE and IWANT (a heartbeat apart), scores, duplicate caches that forget.
 */
export class Mesh {
  readonly #random: Random;
  readonly #wires: () => ReadonlyMap<PeerKey, Wire>;
  readonly #members = new Set<PeerKey>();
  /** In memory a message stays the same array wherever it goes. */
  readonly #seen = new Set<Uint8Array>();

  constructor(random: Random, wires: () => ReadonlyMap<PeerKey, Wire>) {
    this.#random = random;
    this.#wires = wires;
  }

  /** The first connections are taken into the mesh at once, as when a topic is joined. */
  opened(peer: PeerKey): void {
    if (this.#members.size < D) this.#graft(peer);
  }

  closed(peer: PeerKey): void {
    this.#members.delete(peer);
  }

  /** The other side takes us in, or leaves us out. */
  told(peer: PeerKey, graft: boolean): void {
    if (!graft) this.#members.delete(peer);
    else if (this.#members.size >= D_HIGH) this.#wires().get(peer)?.send({ kind: 'mesh', graft: false });
    else this.#members.add(peer);
  }

  heartbeat(): void {
    const outside = [...this.#wires().keys()].filter((peer) => !this.#members.has(peer));
    while (this.#members.size < D_LOW && outside.length > 0) {
      const [peer] = outside.splice(this.#random.below(outside.length), 1);
      if (peer !== undefined) this.#graft(peer);
    }
    while (this.#members.size > D_HIGH) {
      const peer = this.#random.pick([...this.#members]);
      if (peer === undefined) return;
      this.#members.delete(peer);
      this.#wires().get(peer)?.send({ kind: 'mesh', graft: false });
    }
    while (this.#members.size < Math.min(D, D_LOW + outside.length) && outside.length > 0) {
      const peer = outside.pop();
      if (peer !== undefined) this.#graft(peer);
    }
  }

  /** True the first time. */
  news(op: Uint8Array): boolean {
    if (this.#seen.has(op)) return false;
    this.#seen.add(op);
    return true;
  }

  publish(op: Uint8Array): void {
    for (const wire of this.#wires().values()) wire.send({ kind: 'gossip', op });
  }

  forward(op: Uint8Array, except: PeerKey): void {
    for (const peer of this.#members) {
      if (peer !== except) this.#wires().get(peer)?.send({ kind: 'gossip', op });
    }
  }

  #graft(peer: PeerKey): void {
    this.#members.add(peer);
    this.#wires().get(peer)?.send({ kind: 'mesh', graft: true });
  }
}
