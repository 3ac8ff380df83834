import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { MAX_ABOUT_OPS } from './alive/about-wire.ts';
import { AppliedTable } from './alive/applied.ts';
import type { Knowledge } from './alive/asked.ts';
import { Liveness } from './alive/liveness.ts';
import { PeerClocks } from './clocks.ts';
import type { Counters } from './counters.ts';
import { Floods } from './floods.ts';
import { Followed, type Followers } from './followed.ts';
import { LinkStates } from './links/link-states.ts';
import { PeerFactsTable } from './peer-facts.ts';
import type { PeerView } from './peer-view.ts';
import { OurStates } from './sync/our-states.ts';
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
  /** Of the liveness of peers: see there. */
  readonly keepDownMs?: number;
  readonly boot?: () => number;
  /** How long we wait for some peers, milliseconds, other than for the rest. */
  readonly tolerances?: ReadonlyMap<PeerKey, number>;
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
  readonly links: LinkStates;
  readonly #digests: PeerTableOptions['digests'];
  readonly #ours: OurStates;

  constructor(options: PeerTableOptions) {
    const { clock, log, counters, digests, onBytesIn, listeners, tolerances } = options;
    this.#digests = digests;
    this.#ours = new OurStates(clock);
    this.applied = new AppliedTable(clock, () => digests().digest);
    this.liveness = new Liveness(clock, options);
    for (const [peer, ms] of tolerances ?? []) this.liveness.setTolerance(peer, ms);
    this.followed = new Followed(listeners);
    this.traffic = new Traffic(onBytesIn, this.followed);
    this.clocks = new PeerClocks(clock);
    this.floods = new Floods({ clock, log, counters });
    this.links = new LinkStates(clock);
  }

  view(peer: PeerKey): Omit<PeerView, 'connections'> {
    const facts = this.facts.of(peer);
    const bytes = this.traffic.of(peer);
    const clock = this.clocks.of(peer);
    return {
      peer,
      ...this.liveness.of(peer),
      link: { ...this.links.of(peer), reason: 'all' },
      rttMs: facts.rttMs,
      address: facts.address,
      digestEqual: facts.digest === undefined ? undefined : facts.digest === this.#digests().digest,
      changes: facts.changes,
      enforcement: facts.enforcement,
      appliedDigest: this.applied.digestOf(peer),
      appliedVia: this.applied.viaOf(peer),
      bytesIn: bytes.in,
      bytesOut: bytes.out,
      lastError: facts.lastError,
      clockOffsetMs: clock?.offsetMs,
      clockTrusted: clock?.trusted,
      flooding: this.floods.of(peer),
    };
  }

  /** What we tell others of a member that we hear ourselves; undefined of any other. */
  knowledge(peer: PeerKey, told: number): Knowledge | undefined {
    const ageMs = this.liveness.hears(peer) ? this.liveness.ageOf(peer) : undefined;
    if (ageMs === undefined) return undefined;
    const { digest, ...kernel } = this.applied.since(peer, told, MAX_ABOUT_OPS);
    return { ageMs, digest: this.facts.of(peer).digest, applied: digest, ...kernel };
  }

  /** Whether its last word about its state equals ours now; undefined when it has not said. */
  equal(peer: PeerKey): boolean | undefined {
    const theirs = this.facts.of(peer);
    const ours = this.#digests();
    if (theirs.digest === undefined) return undefined;
    return theirs.digest === ours.digest && theirs.registersDigest === ours.registersDigest;
  }

  /** Whether its last word about its state was ours a moment ago: then it is behind us, and has nothing that we lack. */
  late(peer: PeerKey): boolean {
    const { digest, registersDigest } = this.facts.of(peer);
    return digest !== undefined && registersDigest !== undefined && this.#ours.had(digest + registersDigest);
  }

  /** Our state is looked at: to be called with every frame that comes. */
  note(): void {
    const { digest, registersDigest } = this.#digests();
    this.#ours.note(digest + registersDigest);
  }

  /** What it said of its state does not hold any more. */
  down(peer: PeerKey): void {
    this.applied.forget(peer);
    this.clocks.forget(peer);
    this.facts.down(peer);
  }

  /** It is no member any more. */
  forget(peer: PeerKey): void {
    const { facts, applied, liveness, traffic, clocks, floods, links } = this;
    for (const part of [facts, applied, liveness, traffic, clocks, floods, links]) part.forget(peer);
  }
}
