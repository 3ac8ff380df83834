import type { Connection, Stream } from '@libp2p/interface';
import { type Clock, repeat } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Mac, NodeId } from '../../policy/block-set.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { PresenceClaim } from '../../policy/presence.ts';
import type { Liveness } from '../alive/liveness.ts';
import { StreamChannel } from '../channel.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import type { GossipVerdict, Overlay } from '../overlay.ts';
import { Pace } from '../pace.ts';
import type { PeerState } from '../peer-view.ts';
import { PresenceFeed } from './presence-feed.ts';
import { PresenceGossip } from './presence-gossip.ts';
import { PresenceSession } from './presence-session.ts';
import { MAX_PRESENCE_FRAME } from './presence-statement.ts';
import { PresenceTable } from './presence-table.ts';

export const PRESENCE_PROTOCOL = '/hedgerow/presence/1';

export interface PresenceOptions {
  readonly overlay: Overlay;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Which devices are or were behind this router. */
  readonly claims: () => Iterable<PresenceClaim>;
  /** The id of the device with a MAC. */
  readonly idOf: (mac: Mac) => NodeId;
  readonly trusted: (peer: PeerKey) => boolean;
  /** All members but ourselves. */
  readonly others: () => readonly PeerKey[];
  /** Gossips a message. */
  readonly publish: (message: Uint8Array) => void;
  /** In which state a peer is, and whether we hear it ourselves. */
  readonly liveness: Pick<Liveness, 'of' | 'hears'>;
}

/** What another router says of its devices. */
export interface PeerPresence {
  readonly peer: PeerKey;
  /** What one says counts until it is down. */
  readonly state: PeerState;
  /** For how long it has been in this state, milliseconds. */
  readonly sinceMs: number;
  /** Times are this process's monotonic milliseconds. */
  readonly claims: readonly PresenceClaim[];
}

interface Link {
  readonly peer: PeerKey;
  readonly connection: Connection;
  readonly pace: Pace;
  session: PresenceSession | undefined;
  opening: boolean;
  /** No stream before this, monotonic milliseconds. */
  notBefore: number;
}

const TICK_MS = 1_000;
/** Our own devices are looked at so often when nobody said that they changed, milliseconds. */
const LOOK_MS = 2_000;
const OPEN_MS = 5_000;
/** After a stream that could not be opened, or ended, milliseconds. */
const RETRY_MS = 30_000;
/** A peer is read so fast: more than it may have to say at once, then so many bytes a second. */
const READ_BURST = 1024 * 1024;
const READ_RATE = 64 * 1024;

/**
 * Tells the other routers which devices are behind this one, and hears the same of them: one stream per connection, opened by
 * its dialler, spoken on by both sides. Members that hear of each other through others alone are told by gossip
 * (presence-gossip.ts), signed by who tells: nobody can speak for another.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #feed = new PresenceFeed();
  readonly #table: PresenceTable;
  readonly #gossip: PresenceGossip;
  readonly #links = new Map<string, Link>();
  #own: readonly PresenceClaim[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#table = new PresenceTable(options.clock, options.idOf);
    const { clock, counters, publish } = options;
    this.#gossip = new PresenceGossip({
      ...{ feed: this.#feed, table: this.#table, clock, counters, publish },
      signal: () => this.#signal,
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { overlay, clock } = this.#options;
    this.#signal = signal;
    await overlay.handle(PRESENCE_PROTOCOL, (peer, stream, connection) => {
      if (connection.status !== 'open') return;
      const link = this.#links.get(connection.id) ?? this.#link(peer, connection);
      if (link.session !== undefined || clock.monotonic() < link.notBefore)
        stream.abort(new Error('no further presence stream on this connection'));
      else void this.#attach(link, stream);
    });
    void repeat(async () => this.#tick(), { clock, signal, everyMs: TICK_MS, jitter: 0 });
  }

  stop(): void {
    this.#links.clear();
  }

  /** Grows when a device comes to, leaves or is renamed at another router. */
  get version(): number {
    return this.#table.version;
  }

  /** What we say ourselves, as of a moment ago. */
  own(): readonly PresenceClaim[] {
    return this.#own;
  }

  /** What all other routers of the home say, sorted by key. */
  all(): readonly PeerPresence[] {
    const { others, liveness, clock } = this.#options;
    return others().map((peer) => {
      const { state, sinceMs, heardAgoMs = 0 } = liveness.of(peer);
      // Of one that only others hear nothing newer is known than what they heard.
      const heardAgo = liveness.hears(peer) ? 0 : heardAgoMs;
      return { peer, state, sinceMs, claims: this.#table.of(peer, clock.monotonic() - heardAgo) };
    });
  }

  /** When a device came to another router that is heard, by us or by others, monotonic milliseconds: the newest of several. */
  arrival(mac: Mac): number | undefined {
    const { liveness, trusted } = this.#options;
    let newest: number | undefined;
    for (const peer of this.#table.peers()) {
      const at = this.#table.arrival(peer, mac);
      if (at === undefined || (newest !== undefined && at <= newest)) continue;
      if (trusted(peer) && (liveness.hears(peer) || liveness.of(peer).heardBy !== undefined)) newest = at;
    }
    return newest;
  }

  /** Whether another router speaks of a device. */
  knows(id: NodeId): boolean {
    return this.#table.knows(id);
  }

  /** Our own devices have changed: the others are told soon. */
  changed(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  /** A member said something by way of others. */
  gossiped(author: PeerKey, message: Uint8Array): GossipVerdict {
    return this.#gossip.heard(author, message, this.#told().has(author));
  }

  opened(peer: PeerKey, connection: Connection): void {
    const link = this.#links.get(connection.id) ?? this.#link(peer, connection);
    if (connection.direction === 'outbound') void this.#open(link);
  }

  closed(connection: Connection): void {
    this.#links.delete(connection.id);
  }

  /** No member any more. */
  forget(peer: PeerKey): void {
    this.#table.forget(peer);
  }

  #link(peer: PeerKey, connection: Connection): Link {
    const pace = new Pace(this.#options.clock, READ_BURST, READ_RATE);
    const link: Link = { peer, connection, pace, session: undefined, opening: false, notBefore: 0 };
    this.#links.set(connection.id, link);
    return link;
  }

  async #open(link: Link): Promise<void> {
    const { clock, counters, log } = this.#options;
    link.opening = true;
    try {
      const stream = await within(clock, OPEN_MS, this.#signal, 'presence', (signal) =>
        link.connection.newStream(PRESENCE_PROTOCOL, { signal }),
      );
      void this.#attach(link, stream);
    } catch (error) {
      // One that does not speak of presence is a good member all the same.
      counters.add('presence.not_opened');
      log.debug({ peer: link.peer, error: messageOf(error) }, 'no presence stream');
      link.notBefore = clock.monotonic() + RETRY_MS;
    }
    link.opening = false;
  }

  /** Talks for as long as the stream stands. */
  async #attach(link: Link, stream: Stream): Promise<void> {
    const { clock, counters, log, trusted } = this.#options;
    const { peer, pace } = link;
    const session = new PresenceSession(new StreamChannel(stream, MAX_PRESENCE_FRAME), {
      feed: this.#feed,
      pace,
      clock,
      counters,
      signal: this.#signal,
      // Of one that is no member any more the connection is about to be closed.
      onMessage: (message) => (trusted(peer) ? this.#table.take(peer, message) : 'ok'),
    });
    link.session = session;
    this.#look();
    session.say();
    const { rubbish, why } = await session.hear();
    if (rubbish) {
      counters.add('presence.rubbish');
      this.#table.forget(peer);
    }
    link.session = undefined;
    link.notBefore = clock.monotonic() + RETRY_MS;
    if (this.#links.has(link.connection.id)) log.debug({ peer, why }, 'presence stream ended');
  }

  #tick(): void {
    const { clock, liveness, others, trusted } = this.#options;
    const now = clock.monotonic();
    this.#look();
    for (const link of this.#links.values()) {
      if (link.session !== undefined) link.session.say();
      else if (link.connection.direction === 'outbound' && !link.opening && now >= link.notBefore)
        void this.#open(link);
    }
    const told = this.#told();
    const far = others().filter((peer) => !told.has(peer) && liveness.of(peer).heardBy !== undefined);
    this.#gossip.say(new Set(far));
    // Policies and descriptors stay: only what is ephemeral goes with a peer.
    this.#table.prune((peer) => liveness.of(peer).state === 'pruned');
    this.#gossip.keep((peer) => !told.has(peer) && trusted(peer) && liveness.of(peer).state !== 'pruned');
  }

  /** Those with whom a stream stands. */
  #told(): Set<PeerKey> {
    return new Set([...this.#links.values()].flatMap(({ peer, session }) => (session ? [peer] : [])));
  }

  #look(): void {
    const { clock, claims } = this.#options;
    const now = clock.monotonic();
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.#own = [...claims()];
    this.#feed.take(this.#own, now);
  }
}
