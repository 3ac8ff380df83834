import type { Clock } from '../../../src/clock.ts';
import { type About, MAX_ABOUT_OPS } from '../../../src/p2p/alive/about-wire.ts';
import type { AliveFrame } from '../../../src/p2p/alive/alive-wire.ts';
import { AppliedTable } from '../../../src/p2p/alive/applied.ts';
import type { Knowledge } from '../../../src/p2p/alive/asked.ts';
import type { Liveness } from '../../../src/p2p/alive/liveness.ts';
import { OurStates } from '../../../src/p2p/sync/our-states.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { OpId } from '../../../src/policy/records.ts';

/** What the others said of themselves, and of each other, as src/p2p/peer-news.ts and peer-table.ts take it. */
export class Told {
  readonly #liveness: Liveness;
  readonly #replica: { readonly digest: string };
  readonly #applied: AppliedTable;
  readonly #digests = new Map<PeerKey, string>();
  readonly #ours: OurStates;

  constructor(clock: Clock, liveness: Liveness, replica: { readonly digest: string }) {
    this.#liveness = liveness;
    this.#replica = replica;
    this.#ours = new OurStates(clock);
    this.#applied = new AppliedTable(clock, () => replica.digest);
  }

  /** True when its kernel is in another state than before. */
  frame(peer: PeerKey, frame: AliveFrame): boolean {
    this.#ours.note(this.#replica.digest);
    this.#digests.set(peer, frame.digest);
    return this.#applied.feed(peer, frame.applied);
  }

  /** What a witness says of those that do not speak for themselves. */
  witness(by: PeerKey, abouts: readonly About[], speaks: (peer: PeerKey) => boolean): void {
    for (const about of abouts) {
      const { peer, ageMs } = about;
      if (ageMs === undefined || speaks(peer)) continue;
      this.#liveness.witness(by, peer, ageMs);
      this.#applied.feedVia(by, about);
    }
  }

  /** Whether its last word about its replica equals ours now; undefined when it has not said. */
  equal(peer: PeerKey): boolean | undefined {
    const digest = this.#digests.get(peer);
    return digest === undefined ? undefined : digest === this.#replica.digest;
  }

  /** Whether its last word about its replica was our own state a moment ago. */
  late(peer: PeerKey): boolean {
    const digest = this.#digests.get(peer);
    return digest !== undefined && this.#ours.had(digest);
  }

  /** What we tell others of a member that we hear ourselves; undefined of any other. */
  knowledge(peer: PeerKey, told: number): Knowledge | undefined {
    const ageMs = this.#liveness.hears(peer) ? this.#liveness.ageOf(peer) : undefined;
    if (ageMs === undefined) return undefined;
    const { digest, ...kernel } = this.#applied.since(peer, told, MAX_ABOUT_OPS);
    return { ageMs, digest: this.#digests.get(peer), applied: digest, ...kernel };
  }

  /** Whether a member said that it has an op, which we hold, in its kernel. */
  has(peer: PeerKey, op: OpId): boolean {
    return this.#applied.has(peer, op);
  }

  down(peer: PeerKey): void {
    this.#applied.forget(peer);
  }
}
