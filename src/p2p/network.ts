import { repeat } from '../clock.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { OpId } from '../policy/records.ts';
import type { Service } from '../service.ts';
import type { Applied, AppliedAnswer, WaitOptions } from './alive/applied.ts';
import { DEFAULT_TOLERANCE_MS, PAIR_TOLERANCE_MS } from './alive/tolerances.ts';
import { atMostEvery } from './at-most-every.ts';
import type { PeerClock } from './clocks.ts';
import type { NetworkStats } from './counters.ts';
import type { NetworkOptions } from './network-options.ts';
import { type NetworkParts, wire } from './network-parts.ts';
import { Pace } from './pace.ts';
import type { PeerState, PeerView } from './peer-view.ts';
import type { Presence } from './presence/presence.ts';
import type { Questions } from './questions.ts';
import type { Sync } from './sync/sync.ts';
import type { Progress } from './sync/sync-progress.ts';

/** So many registers of our own are gossiped at once, and so many a second after that. */
const GOSSIPED_BURST = 32;
const GOSSIPED_PER_SECOND = 8;
/** libp2p looks at every interface of the machine for each answer, which every change of the policy asks for: asked so often, milliseconds. */
const ADDRESSES_MS = 1_000;

/** The overlay as the rest of the agent sees it. Foreign ops and registers go straight into the replica's `admit()`. */
export class Network implements Service {
  readonly name = 'overlay';
  /** Which devices are behind which router. */
  readonly presence: Presence;
  /** Asking other routers for their views. */
  readonly questions: Questions;
  readonly #options: NetworkOptions;
  readonly #parts: NetworkParts;
  readonly #gossiped: Pace;
  /** Begun with the overlay: what it listened on before is not remembered. */
  #addresses: () => readonly string[] = () => [];
  #stop = new AbortController();

  /** ConfigError when an address cannot be understood. */
  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#parts = wire(options);
    this.#gossiped = new Pace(options.clock, GOSSIPED_BURST, GOSSIPED_PER_SECOND);
    this.presence = this.#parts.presence;
    this.questions = this.#parts.questions;
  }

  /** Listens and begins to dial. UnavailableError when no address can be listened on. */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    this.#stop = new AbortController();
    const running = AbortSignal.any([signal, this.#stop.signal]);
    await this.#parts.overlay.start();
    this.#addresses = atMostEvery(clock, ADDRESSES_MS, () => this.#parts.overlay.addresses());
    this.#parts.table.followed.start(this.addresses());
    this.#parts.gossip.start();
    await this.#parts.sync.start(running);
    await this.#parts.alive.start(running);
    await this.presence.start(running);
    await this.questions.start(running);
    await this.#parts.guests.start(running);
    await this.#parts.links.start(running);
    void repeat(async () => this.#look(), { clock, signal: running, everyMs: 1_000 });
    log.info({ listening: this.addresses().length }, 'the overlay runs');
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the agent stops'));
    this.#parts.alive.stop();
    this.presence.stop();
    await this.#parts.overlay.stop();
    this.#parts.table.followed.stop();
    await Promise.all([this.#parts.links.stop(), this.#parts.sync.stop()]);
  }

  /** Tells everybody of an op of our own, which must be durable and in the replica already. */
  announceOp(envelope: Uint8Array): void {
    this.#parts.links.wake();
    this.#parts.gossip.publishOp(envelope);
    // Whoever misses the gossip sees our new digest and asks.
    this.#parts.alive.saySoon();
  }

  /** Somebody was evicted, or goes: who is no member any more is cut off at once, after what is under way. */
  membersChanged(): void {
    this.#options.clock.after(0, () => {
      if (!this.#parts.overlay.running) return;
      this.#look();
      this.#parts.links.look();
    });
  }

  /** Tells everybody of one of our registers. Many at once are left to sync: gossip costs each receiver thirty times as much. */
  announceRegister(envelope: Uint8Array): void {
    const { gossip, counters, alive } = this.#parts;
    if (this.#gossiped.allows(1)) gossip.publishRegister(envelope);
    else {
      counters.add('gossip.left_to_sync');
      // Everybody sees our new digest and asks.
      alive.saySoon();
    }
  }

  /** Our kernel was made equal to a state: told to all that can be reached at once, and to the rest when they come. */
  sayApplied(applied: Applied): void {
    this.#parts.alive.sayApplied(applied);
  }

  /** Waits until these peers have an op, which our replica holds, in their kernels. Never rejects. */
  waitApplied(
    op: OpId,
    peers: Iterable<PeerKey>,
    options: WaitOptions,
  ): Promise<ReadonlyMap<PeerKey, AppliedAnswer>> {
    return this.#parts.table.applied.wait(op, peers, options);
  }

  /** All members but ourselves, and sponsors while joining, sorted by key. */
  peers(): readonly PeerView[] {
    return this.#parts.list.views();
  }

  /** Members that a `block` waits for: those that are alive and connected, and suspects that another member hears. */
  reachable(): readonly PeerKey[] {
    return this.#parts.list.reachable();
  }

  /** The state of a peer, also of one that has left. */
  stateOf(peer: PeerKey): PeerState {
    return this.#parts.list.stateOf(peer);
  }

  /** Members that were heard of within half of our tolerance for them. */
  alive(): readonly PeerKey[] {
    return this.#parts.list.alive();
  }

  /** The wall clocks of the members that we hear, as they said with their last keep-alive. */
  clocks(): readonly (PeerClock & { readonly peer: PeerKey })[] {
    return this.#parts.list.clocks();
  }

  /** How long we wait for a peer before we call it down, milliseconds, clamped; undefined: as for all. It is told at once. */
  setTolerance(peer: PeerKey, ms: number | undefined): void {
    this.#parts.table.liveness.setTolerance(peer, ms);
    this.#parts.alive.sayNow(peer);
  }

  /** How long we wait for a peer, milliseconds. */
  toleranceOf(peer: PeerKey): number {
    return this.#parts.table.liveness.toleranceOf(peer);
  }

  /** The exchanges with other routers: what came of the newest, and one now. */
  get exchanges(): Pick<Sync, 'now' | 'last'> {
    return this.#parts.sync;
  }

  /** How far the longest session has come while one brings more than 500 ops. */
  progress(): Progress | undefined {
    return this.#parts.progress.longest();
  }

  /** Whether such a session brings ops so steadily that its end is worth waiting for. */
  syncing(): boolean {
    return this.#parts.progress.steady();
  }

  /** A member was found to listen somewhere, by mDNS. */
  found(peer: PeerKey, addresses: readonly string[]): void {
    if (this.#parts.trust.trusts(peer)) this.#parts.links.said(peer, 'mdns', addresses);
  }

  /** The addresses on which we really listen, as multiaddrs with our peer id; a second old at most. */
  addresses(): readonly string[] {
    return this.#addresses();
  }

  stats(): NetworkStats {
    return this.#parts.counters.snapshot();
  }

  #look(): void {
    const { toleranceMs, addressesOf } = this.#options;
    const others = this.#parts.trust.others();
    const { liveness } = this.#parts.table;
    liveness.toleranceMs = toleranceMs ?? (others.length < 2 ? PAIR_TOLERANCE_MS : DEFAULT_TOLERANCE_MS);
    liveness.members(others);
    if (addressesOf !== undefined)
      for (const peer of others) this.#parts.links.said(peer, 'card', addressesOf(peer));
    for (const peer of this.#parts.links.unsought()) liveness.released(peer);
  }
}
