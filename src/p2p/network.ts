import type { Connection } from '@libp2p/interface';
import { repeat } from '../clock.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { OpId } from '../policy/records.ts';
import type { Service } from '../service.ts';
import { Alive } from './alive.ts';
import type { AliveFrame } from './alive-wire.ts';
import type { Applied, AppliedAnswer, WaitOptions } from './applied.ts';
import type { PeerClock } from './clocks.ts';
import { OpenConnections } from './connections.ts';
import { Counters, type NetworkStats } from './counters.ts';
import { DialBook } from './dial-book.ts';
import { Gossip, topicsOf } from './gossip.ts';
import { Guests } from './guests.ts';
import { DEFAULT_TOLERANCE_MS, PAIR_TOLERANCE_MS } from './liveness.ts';
import { type NetworkOptions, parseAddresses } from './network-options.ts';
import { Overlay } from './overlay.ts';
import { PeerTable } from './peer-table.ts';
import type { PeerView } from './peer-view.ts';
import { Presence } from './presence.ts';
import { Questions } from './questions.ts';
import { Redial } from './redial.ts';
import { Sync } from './sync.ts';
import { type Progress, SyncProgress } from './sync-progress.ts';
import { Trust } from './trust.ts';
import { Upkeep } from './upkeep.ts';

/** The overlay as the rest of the agent sees it. Foreign ops and registers go straight into the replica's `admit()`. */
export class Network implements Service {
  readonly name = 'overlay';
  /** Which devices are behind which router. */
  readonly presence: Presence;
  /** Asking other routers for their views. */
  readonly questions: Questions;
  readonly #options: NetworkOptions;
  readonly #trust: Trust;
  readonly #counters = new Counters();
  readonly #table: PeerTable;
  readonly #progress: SyncProgress;
  readonly #connections: OpenConnections<Connection>;
  readonly #overlay: Overlay;
  readonly #gossip: Gossip;
  readonly #sync: Sync;
  readonly #alive: Alive;
  readonly #book: DialBook;
  readonly #redial: Redial;
  readonly #upkeep: Upkeep;
  readonly #guests: Guests;
  #stop = new AbortController();

  /** ConfigError when an address cannot be understood. */
  constructor(options: NetworkOptions) {
    const { replica, registers, key, psk, clock, log } = options;
    this.#options = options;
    const counters = this.#counters;
    this.#trust = new Trust(key.peer, replica, options.sponsors);
    const trusted = (peer: PeerKey) => this.#trust.trusts(peer);
    const digests = () => ({ digest: replica.digest, registersDigest: registers.digest });
    this.#table = new PeerTable({ ...options, counters, digests, onBytesIn: (peer) => this.#heard(peer) });
    const { liveness, traffic, facts, floods, followed } = this.#table;
    const progress = new SyncProgress(clock);
    this.#progress = progress;
    this.#connections = new OpenConnections(key.peer);
    const topics = topicsOf(replica.home);
    this.#overlay = new Overlay({
      key,
      psk,
      listen: parseAddresses('listen', options.listen),
      announce: parseAddresses('announce', options.announce),
      topics: Object.values(topics),
      transport: options.transport,
      trusted: (peer) => trusted(peer) || this.#guests.lets(peer),
      member: trusted,
      onHandshake: (peer, connection) => trusted(peer) && traffic.watch(peer, connection),
      // What is gossiped is for members: a guest neither hears it nor is heard.
      muted: (peer) => !trusted(peer) || this.#gossip.muted(peer),
      onRefused: (direction) => followed.refused(direction, counters),
      onOpen: (peer, connection) =>
        trusted(peer) ? this.#opened(peer, connection) : this.#guests.opened(connection),
      onClose: (peer, connection) => this.#closed(peer, connection),
      onIdentify: (peer, addresses) => trusted(peer) && this.#book.announced(peer, addresses),
    });
    const overlay = this.#overlay;
    const parts = { overlay, replica, registers, clock, log, counters, floods, trusted, self: key.peer };
    this.#gossip = new Gossip({ ...parts, onBehind: (peer) => this.#sync.behind(peer) });
    this.#sync = new Sync({
      ...parts,
      progress,
      equal: (peer) => this.#table.equal(peer),
      onBatch: options.onBatch,
      onDone: (peer, result) => {
        if (result.outcome === 'failed') facts.failed(peer, `sync: ${result.reason ?? 'failed'}`);
        // What came may be news to the others as well: they see our new digest and ask.
        if (result.opsIn + result.registersIn > 0) this.#alive.sayNow();
        else if (result.outcome === 'done') this.#alive.sayNow(peer);
      },
    });
    this.#alive = new Alive({
      ...parts,
      liveness,
      clockTrusted: options.clockTrusted ?? (() => false),
      digests,
      onFrame: (peer, frame, rttMs) => this.#framed(peer, frame, rttMs),
      onDown: (peer) => this.#down(peer),
    });
    this.presence = new Presence({
      ...parts,
      claims: options.presence?.claims ?? (() => []),
      idOf: options.presence?.idOf ?? ((mac) => mac),
      others: () => this.#trust.others(),
      stateOf: (peer) => liveness.of(peer),
    });
    this.questions = new Questions({
      ...parts,
      isMember: (peer) => replica.isMember(peer) && trusted(peer),
      answer: options.answer,
    });
    this.#guests = new Guests({ ...parts, door: options.door });
    const bootstrap = parseAddresses('bootstrap', options.bootstrap);
    this.#book = new DialBook(key.peer, bootstrap, clock.monotonic(), Math.random);
    this.#redial = new Redial({
      ...parts,
      book: this.#book,
      wanted: () => this.#trust.others(),
      joining: () => this.#trust.joining(),
      onFailed: (peer, error) => facts.failed(peer, `dial: ${error}`),
    });
    this.#upkeep = new Upkeep({
      ...parts,
      connections: this.#connections,
      left: (peer) => this.#trust.left(peer),
      topic: topics.ops,
      forget: (peer) => this.#forget(peer),
    });
  }

  /** Listens and begins to dial. UnavailableError when no address can be listened on. */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    this.#stop = new AbortController();
    const running = AbortSignal.any([signal, this.#stop.signal]);
    await this.#overlay.start();
    this.#table.followed.start(this.addresses());
    this.#gossip.start();
    await this.#sync.start(running);
    await this.#alive.start(running);
    await this.presence.start(running);
    await this.questions.start(running);
    await this.#guests.start(running);
    this.#redial.start(running);
    void repeat(async () => this.#look(), { clock, signal: running, everyMs: 1_000 });
    log.info({ listening: this.addresses().length }, 'the overlay runs');
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the agent stops'));
    this.#alive.stop();
    this.presence.stop();
    await this.#overlay.stop();
    this.#table.followed.stop();
    await Promise.all([this.#redial.stop(), this.#sync.stop()]);
  }

  /** Tells everybody of an op of our own, which must be durable and in the replica already. */
  announceOp(envelope: Uint8Array): void {
    this.#gossip.publishOp(envelope);
    // Whoever misses the gossip sees our new digest and asks.
    this.#alive.saySoon();
  }

  /** Somebody was evicted, or goes: who is no member any more is cut off at once, after what is under way. */
  membersChanged(): void {
    this.#options.clock.after(0, () => {
      if (this.#overlay.running) this.#look();
    });
  }

  /** Tells everybody of one of our registers. */
  announceRegister(envelope: Uint8Array): void {
    this.#gossip.publishRegister(envelope);
  }

  /** Our kernel was made equal to a state: told to all that can be reached at once, and to the rest when they come. */
  sayApplied(applied: Applied): void {
    this.#alive.sayApplied(applied);
  }

  /** Waits until these peers have an op, which our replica holds, in their kernels. Never rejects. */
  waitApplied(
    op: OpId,
    peers: Iterable<PeerKey>,
    options: WaitOptions,
  ): Promise<ReadonlyMap<PeerKey, AppliedAnswer>> {
    return this.#table.applied.wait(op, peers, options);
  }

  /** All members but ourselves, and sponsors while joining, sorted by key. */
  peers(): readonly PeerView[] {
    return this.#trust.others().map((peer) => {
      const view = this.#table.view(peer);
      const address = view.address ?? this.#book.addressOf(peer);
      return { ...view, address, connections: this.#overlay.connections(peer).length };
    });
  }

  /** Members that are alive and connected now: those that a `block` waits for. */
  reachable(): readonly PeerKey[] {
    return this.alive().filter((peer) => this.#overlay.connections(peer).length > 0);
  }

  /** Members that were heard of within their tolerance. */
  alive(): readonly PeerKey[] {
    return this.#trust.others().filter((peer) => this.#table.liveness.of(peer).state === 'alive');
  }

  /** The wall clocks of the members that are alive, as they said with their last keep-alive. */
  clocks(): readonly (PeerClock & { readonly peer: PeerKey })[] {
    return this.alive().flatMap((peer) => {
      const clock = this.#table.clocks.of(peer);
      return clock === undefined ? [] : [{ peer, ...clock }];
    });
  }

  /** The exchanges with other routers: what came of the newest, and one now. */
  get exchanges(): Pick<Sync, 'now' | 'last'> {
    return this.#sync;
  }

  /** How far the longest session has come while one brings more than 500 ops. */
  progress(): Progress | undefined {
    return this.#progress.longest();
  }

  /** Whether such a session brings ops so steadily that its end is worth waiting for. */
  syncing(): boolean {
    return this.#progress.steady();
  }

  /** The addresses on which we really listen, as multiaddrs with our peer id. */
  addresses(): readonly string[] {
    return this.#overlay.addresses();
  }

  stats(): NetworkStats {
    return this.#counters.snapshot();
  }

  #opened(peer: PeerKey, connection: Connection): void {
    const { clock, log } = this.#options;
    const superfluous = this.#connections.opened(peer, connection, clock.monotonic());
    // At once, before identify has answered on the new one: gossip then opens its streams there.
    for (const other of superfluous) {
      this.#counters.add('connections.superfluous');
      other.abort(new Error('another connection with this peer stays'));
    }
    if (superfluous.includes(connection)) return;
    this.#counters.add('connections.opened');
    this.#table.facts.connected(peer, connection.remoteAddr.toString());
    log.debug({ peer, direction: connection.direction }, 'connected');
    this.#heard(peer);
    this.#alive.opened(peer, connection);
    this.presence.opened(peer, connection);
    this.#sync.opened(peer, connection);
    this.#options.onPeerChange?.();
  }

  #closed(peer: PeerKey, connection: Connection): void {
    this.#alive.closed(connection);
    this.presence.closed(connection);
    if (!this.#connections.closed(peer, connection)) return;
    this.#counters.add('connections.lost');
    this.#book.lost(peer, this.#options.clock.monotonic());
    this.#options.onPeerChange?.();
  }

  #heard(peer: PeerKey): void {
    if (this.#table.liveness.heard(peer)) this.#options.onPeerChange?.();
  }

  #framed(peer: PeerKey, frame: AliveFrame, rttMs: number | undefined): void {
    const { applied, facts, clocks } = this.#table;
    const appliedBefore = applied.digestOf(peer);
    applied.feed(peer, frame.applied);
    const changed = facts.frame(peer, frame, rttMs);
    clocks.heard(peer, frame, facts.of(peer).rttMs);
    if (this.#table.equal(peer) === true) {
      this.#sync.equals(peer);
      this.#gossip.unmute(peer);
    } else this.#sync.differs(peer);
    if (changed || appliedBefore !== frame.applied.digest) this.#options.onPeerChange?.();
  }

  #down(peer: PeerKey): void {
    this.#counters.add('peers.down');
    this.#options.log.info({ peer }, 'a member is down');
    this.#table.down(peer);
    this.#options.onPeerChange?.();
  }

  #look(): void {
    const { toleranceMs, addressesOf } = this.#options;
    const others = this.#trust.others();
    this.#table.liveness.toleranceMs =
      toleranceMs ?? (others.length < 2 ? PAIR_TOLERANCE_MS : DEFAULT_TOLERANCE_MS);
    if (addressesOf !== undefined) for (const peer of others) this.#book.announced(peer, addressesOf(peer));
    this.#upkeep.look(others);
  }

  #forget(peer: PeerKey): void {
    this.#sync.forget(peer);
    this.presence.forget(peer);
    this.questions.forget(peer);
    this.#gossip.unmute(peer);
    this.#table.forget(peer);
    this.#book.forget(peer);
    this.#options.onPeerChange?.();
  }
}
