import type { PeerKey } from '../policy/crypto.ts';
import type { ReplicatedOps } from './replicated.ts';

/**
 * Whom we talk to: members; and while our replica cannot know them yet, those that we were told of. A router is in that
 * state when it joins, and again when its store was lost (also a founder's, whose replica then knows itself alone).
 */
export class Trust {
  readonly #self: PeerKey;
  readonly #replica: ReplicatedOps;
  readonly #sponsors: readonly PeerKey[];
  #ignorant: boolean;

  constructor(self: PeerKey, replica: ReplicatedOps, sponsors: readonly PeerKey[]) {
    this.#self = self;
    this.#replica = replica;
    this.#sponsors = sponsors;
    this.#ignorant = replica.size === 0;
  }

  /** Our replica does not know ourselves as a member, or began empty and has not been told anything since. */
  joining(): boolean {
    return this.#ignorant || !this.#replica.isMember(this.#self);
  }

  /** A whole sync was admitted: from here on the replica knows who is a member. */
  told(): void {
    this.#ignorant = false;
  }

  trusts(peer: PeerKey): boolean {
    // The recovery key is on no router: who connects with it has stolen it.
    if (peer === this.#replica.genesis.recovery) return false;
    return this.#replica.isMember(peer) || (this.#sponsors.includes(peer) && this.joining());
  }

  /** All that are trusted but ourselves, sorted by key. */
  others(): PeerKey[] {
    const peers = new Set(this.#replica.members().map((member) => member.peer));
    if (this.joining()) for (const sponsor of this.#sponsors) peers.add(sponsor);
    peers.delete(this.#self);
    return [...peers].filter((peer) => this.trusts(peer)).sort();
  }
}
