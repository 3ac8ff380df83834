import type { Connection } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Alive } from './alive/alive.ts';
import type { AliveFrame } from './alive/alive-wire.ts';
import type { Counters } from './counters.ts';
import type { Gossip } from './gossip.ts';
import { hangUp } from './hang-up.ts';
import type { OpenConnections } from './links/connections.ts';
import type { Links } from './links/links.ts';
import type { PeerTable } from './peer-table.ts';
import type { Presence } from './presence/presence.ts';
import type { Questions } from './questions.ts';
import type { Sync } from './sync/sync.ts';

export interface PeerNewsOptions {
  readonly self: PeerKey;
  readonly table: PeerTable;
  readonly connections: OpenConnections<Connection>;
  readonly alive: Alive;
  readonly presence: Presence;
  readonly questions: Questions;
  readonly sync: Sync;
  readonly gossip: Gossip;
  readonly links: Links;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly trusted: (peer: PeerKey) => boolean;
  /** A connection opened or ended, or somebody is no member any more. */
  readonly onMoved: () => void;
}

/** What a connection, a keep-alive and a silence change, part by part. */
export class PeerNews {
  readonly #options: PeerNewsOptions;

  constructor(options: PeerNewsOptions) {
    this.#options = options;
  }

  opened(peer: PeerKey, connection: Connection): void {
    const { table, connections, links, alive, presence, sync, clock, log, counters, onMoved } = this.#options;
    const superfluous = connections.opened(peer, connection, clock.monotonic());
    // At once, before identify has answered on the new one: gossip then opens its streams there.
    for (const other of superfluous) {
      counters.add('connections.superfluous');
      hangUp(other, 'another connection with this peer stays');
    }
    if (superfluous.includes(connection)) return;
    counters.add('connections.opened');
    table.facts.connected(peer, connection.remoteAddr.toString());
    table.links.opened(peer);
    links.opened(peer);
    log.debug({ peer, direction: connection.direction }, 'connected');
    this.heard(peer);
    alive.opened(peer, connection);
    presence.opened(peer, connection);
    sync.opened(peer, connection);
    onMoved();
  }

  closed(peer: PeerKey, connection: Connection): void {
    const { table, connections, alive, presence, links, counters, onMoved } = this.#options;
    alive.closed(connection);
    presence.closed(connection);
    if (!connections.closed(peer, connection)) return;
    counters.add('connections.lost');
    links.closed(peer);
    table.links.closed(peer);
    table.liveness.lost(peer);
    // The others may hear it: they are asked.
    alive.saySoon();
    onMoved();
  }

  /** Its connection was closed, and where it listened nobody does any more. */
  refused(peer: PeerKey): void {
    const { table, alive } = this.#options;
    if (!table.liveness.refused(peer)) return;
    this.suspect(peer);
    alive.sayNow();
  }

  /** It is suspect from now on; everybody is asked for it with the next keep-alive, which does not wait. */
  suspect(peer: PeerKey): void {
    const { links, log, counters } = this.#options;
    counters.add('peers.suspect');
    log.debug({ peer }, 'a member is suspect');
    links.suspect(peer);
  }

  /** Any byte of it. */
  heard(peer: PeerKey): void {
    this.#options.table.liveness.heard(peer);
  }

  framed(peer: PeerKey, frame: AliveFrame, rttMs: number | undefined): void {
    const { table, alive, sync, gossip } = this.#options;
    const { applied, facts, clocks } = table;
    table.note();
    facts.frame(peer, frame, rttMs);
    if (applied.feed(peer, frame.applied)) alive.news(peer, frame.applied.recent);
    clocks.heard(peer, frame, facts.of(peer).rttMs);
    this.#told(peer, frame);
    if (table.equal(peer) === true) {
      sync.equals(peer);
      gossip.unmute(peer);
    } else sync.differs(peer);
  }

  /** The tolerance is over: what it said of its state does not hold any more. */
  down(peer: PeerKey): void {
    const { table, log, counters } = this.#options;
    counters.add('peers.down');
    log.info({ peer }, 'a member is down');
    table.down(peer);
  }

  /** Down for the grace time. What is ephemeral goes: its presence (presence.ts looks), everything else went before. */
  pruned(peer: PeerKey): void {
    const { log, counters } = this.#options;
    counters.add('peers.pruned');
    log.debug({ peer }, 'a member is pruned');
  }

  /** It is no member any more. */
  forget(peer: PeerKey): void {
    const { table, presence, questions, sync, gossip, onMoved } = this.#options;
    sync.forget(peer);
    presence.forget(peer);
    questions.forget(peer);
    gossip.unmute(peer);
    table.forget(peer);
    onMoved();
  }

  /** What a witness says of members that we do not hear ourselves. */
  #told(by: PeerKey, frame: AliveFrame): void {
    const { self, table, trusted } = this.#options;
    for (const about of frame.about) {
      const { peer, ageMs, digest } = about;
      if (peer === self || peer === by || ageMs === undefined || !trusted(peer) || this.#speaks(peer))
        continue;
      table.liveness.witness(by, peer, ageMs);
      if (digest !== undefined) table.facts.told(peer, digest);
      table.applied.feedVia(by, about);
    }
  }

  /** It speaks for itself. */
  #speaks(peer: PeerKey): boolean {
    const { table, connections, clock } = this.#options;
    const connected = connections.ageOf(peer, clock.monotonic()) !== undefined;
    return connected && table.liveness.of(peer).state === 'alive';
  }
}
