import type { PeerKey } from '../policy/crypto.ts';
import type { ReplicatedOps } from './replicated.ts';

/**
 * Whom we talk to: members; and those that we were told of when we joined, or remember from before our store was lost,
 * while our replica has never heard of them. A founder with an empty store knows itself alone and may even admit
 * somebody before it hears of the others: what it remembers of them stands until its replica knows better.
 */
export class Trust {
  readonly #self: PeerKey;
  readonly #replica: ReplicatedOps;
  readonly #sponsors: readonly PeerKey[];

  constructor(self: PeerKey, replica: ReplicatedOps, sponsors: readonly PeerKey[]) {
    this.#self = self;
    this.#replica = replica;
    this.#sponsors = sponsors.filter((sponsor) => sponsor !== self);
  }

  /** Our replica does not know ourselves as a member, or not all that we were told of. */
  joining(): boolean {
    return !this.#replica.isMember(this.#self) || this.#unheardOf().length > 0;
  }

  trusts(peer: PeerKey): boolean {
    // The recovery key is on no router: who connects with it has stolen it.
    if (peer === this.#replica.genesis.recovery) return false;
    return this.#replica.isMember(peer) || this.#unheardOf().includes(peer);
  }

  /** It went by itself, and was not evicted. */
  left(peer: PeerKey): boolean {
    const member = this.#replica.members().find((one) => one.peer === peer);
    return member?.left === true && member.evicted === undefined;
  }

  /** All that are trusted but ourselves, sorted by key. */
  others(): PeerKey[] {
    const peers = new Set(this.#replica.members().map((member) => member.peer));
    for (const sponsor of this.#sponsors) peers.add(sponsor);
    peers.delete(this.#self);
    return [...peers].filter((peer) => this.trusts(peer)).sort();
  }

  /** Of whom the replica has an admission it knows better, also that they have left or were evicted since. */
  #unheardOf(): PeerKey[] {
    const heardOf = new Set(this.#replica.members().map((member) => member.peer));
    return this.#sponsors.filter((sponsor) => !heardOf.has(sponsor));
  }
}
