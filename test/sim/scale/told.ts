import type { Clock } from '../../../src/clock.ts';
import { type About, MAX_ABOUT_OPS } from '../../../src/p2p/alive/about-wire.ts';
import type { AliveFrame } from '../../../src/p2p/alive/alive-wire.ts';
import { AppliedTable } from '../../../src/p2p/alive/applied.ts';
import type { Knowledge } from '../../../src/p2p/alive/asked.ts';
import type { Liveness } from '../../../src/p2p/alive/liveness.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';

/** What the others said of themselves, and of each other, as src/p2p/peer-news.ts and peer-table.ts take it. */
export class Told {
  readonly #liveness: Liveness;
  readonly #replica: { readonly digest: string };
  readonly #applied: AppliedTable;
  readonly #digests = new Map<PeerKey, string>();

  constructor(clock: Clock, liveness: Liveness, replica: { readonly digest: string }) {
    this.#liveness = liveness;
    this.#replica = replica;
    this.#applied = new AppliedTable(clock, () => replica.digest);
  }

  /** True when its kernel is in another state than before. */
  frame(peer: PeerKey, frame: AliveFrame): boolean {
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

  /** What we tell others of a member that we hear ourselves; undefined of any other. */
  knowledge(peer: PeerKey, told: number): Knowledge | undefined {
    const ageMs = this.#liveness.hears(peer) ? this.#liveness.ageOf(peer) : undefined;
    if (ageMs === undefined) return undefined;
    const { digest, ...kernel } = this.#applied.since(peer, told, MAX_ABOUT_OPS);
    return { ageMs, digest: this.#digests.get(peer), applied: digest, ...kernel };
  }

  down(peer: PeerKey): void {
    this.#applied.forget(peer);
  }
}
