import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { AppliedTable } from './applied.ts';
import { PeerClocks } from './clocks.ts';
import type { Counters } from './counters.ts';
import { Floods } from './floods.ts';
import { Followed, type Followers } from './followed.ts';
import { Liveness } from './liveness.ts';
import { PeerFactsTable } from './peer-facts.ts';
import type { PeerView } from './peer-view.ts';
import { Traffic } from './traffic.ts';

export interface PeerTableOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** The digests of our replica and of our registers now. */
  readonly digests: () => { readonly digest: string; readonly registersDigest: string };
  readonly onBytesIn: (peer: PeerKey) => void;
  /** Where connections are told of. Default: nowhere. */
  readonly listeners?: Followers | undefined;
}

/** Everything that is kept of each peer besides its connections, each kind in a part of its own. */
export class PeerTable {
  readonly facts = new PeerFactsTable();
  readonly applied: AppliedTable;
  readonly liveness: Liveness;
  readonly traffic: Traffic;
  readonly clocks: PeerClocks;
  readonly floods: Floods;
  readonly followed: Followed;
  readonly #digests: PeerTableOptions['digests'];

  constructor({ clock, log, counters, digests, onBytesIn, listeners }: PeerTableOptions) {
    this.#digests = digests;
    this.applied = new AppliedTable(clock, () => digests().digest);
    this.liveness = new Liveness(clock);
    this.followed = new Followed(listeners);
    this.traffic = new Traffic(onBytesIn, this.followed);
    this.clocks = new PeerClocks(clock);
    this.floods = new Floods({ clock, log, counters });
  }

  view(peer: PeerKey): Omit<PeerView, 'connections'> {
    const facts = this.facts.of(peer);
    const bytes = this.traffic.of(peer);
    const clock = this.clocks.of(peer);
    return {
      peer,
      ...this.liveness.of(peer),
      toleranceMs: this.liveness.toleranceMs,
      rttMs: facts.rttMs,
      address: facts.address,
      digestEqual: facts.digest === undefined ? undefined : facts.digest === this.#digests().digest,
      appliedDigest: this.applied.digestOf(peer),
      bytesIn: bytes.in,
      bytesOut: bytes.out,
      lastError: facts.lastError,
      clockOffsetMs: clock?.offsetMs,
      clockTrusted: clock?.trusted,
      flooding: this.floods.of(peer),
    };
  }

  /** Whether its last word about its state equals ours now; undefined when it has not said. */
  equal(peer: PeerKey): boolean | undefined {
    const theirs = this.facts.of(peer);
    const ours = this.#digests();
    if (theirs.digest === undefined) return undefined;
    return theirs.digest === ours.digest && theirs.registersDigest === ours.registersDigest;
  }

  /** What it said of its state does not hold any more. */
  down(peer: PeerKey): void {
    this.applied.forget(peer);
    this.clocks.forget(peer);
    this.facts.down(peer);
  }

  /** It is no member any more. */
  forget(peer: PeerKey): void {
    for (const part of [this.facts, this.applied, this.liveness, this.traffic, this.clocks, this.floods]) {
      part.forget(peer);
    }
  }
}
