import type { PeerKey } from '../policy/crypto.ts';
import type { ReplicatedOps } from './replicated.ts';

/** Whom we talk to: members; and while our replica does not know ourselves yet, those that we were told to trust. */
export class Trust {
  readonly #self: PeerKey;
  readonly #replica: ReplicatedOps;
  readonly #sponsors: readonly PeerKey[];

  constructor(self: PeerKey, replica: ReplicatedOps, sponsors: readonly PeerKey[]) {
    this.#self = self;
    this.#replica = replica;
    this.#sponsors = sponsors;
  }

  /** Our replica does not know ourselves as a member: new here, or with an empty store. */
  joining(): boolean {
    return !this.#replica.isMember(this.#self);
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
