import type { Connection } from '@libp2p/interface';
import type { PeerKey } from '../policy/crypto.ts';
import { Alive } from './alive/alive.ts';
import { Counters } from './counters.ts';
import { Gossip, topicsOf } from './gossip.ts';
import { Guests } from './joining/guests.ts';
import { OpenConnections } from './links/connections.ts';
import { REDRAW_MS } from './links/link-choice.ts';
import { Links } from './links/links.ts';
import { PeerDatabase } from './links/peer-database.ts';
import { type NetworkOptions, parseAddresses } from './network-options.ts';
import { Overlay } from './overlay.ts';
import { PeerList } from './peer-list.ts';
import { PeerNews } from './peer-news.ts';
import { PeerTable } from './peer-table.ts';
import { Presence } from './presence/presence.ts';
import { Questions } from './questions.ts';
import { Sync } from './sync/sync.ts';
import { SyncProgress } from './sync/sync-progress.ts';
import { Trust } from './trust.ts';

/** The parts of the overlay, wired to each other; nothing runs yet. */
export type NetworkParts = ReturnType<typeof wire>;

/** Makes the parts of the overlay. ConfigError when an address cannot be understood. */
export function wire(options: NetworkOptions) {
  const { replica, registers, key, psk, clock, log } = options;
  const counters = new Counters();
  const trust = new Trust(key.peer, replica, options.sponsors);
  const trusted = (peer: PeerKey) => trust.trusts(peer);
  const digests = () => ({ digest: replica.digest, registersDigest: registers.digest });
  const table = new PeerTable({
    ...options,
    counters,
    digests,
    onBytesIn: (peer) => news.heard(peer),
  });
  const { liveness, traffic, facts, floods, followed } = table;
  const progress = new SyncProgress(clock);
  const connections = new OpenConnections<Connection>(key.peer);
  const topics = topicsOf(replica.home);
  const overlay: Overlay = new Overlay({
    key,
    psk,
    listen: parseAddresses('listen', options.listen),
    announce: parseAddresses('announce', options.announce),
    topics: Object.values(topics),
    transport: options.transport,
    trusted: (peer) => trusted(peer) || guests.lets(peer),
    member: trusted,
    onHandshake: (peer, connection) => trusted(peer) && traffic.watch(peer, connection),
    muted: (peer) => gossip.muted(peer),
    onRefused: (how) => followed.refused(how, counters),
    onOpen: (peer, connection) => (trusted(peer) ? news.opened(peer, connection) : guests.opened(connection)),
    onClose: (peer, connection) => news.closed(peer, connection),
    onIdentify: (peer, addresses) => trusted(peer) && links.said(peer, 'identify', addresses),
  });
  const parts = { overlay, replica, registers, clock, log, counters, floods, trusted, self: key.peer };
  const gossip: Gossip = new Gossip({
    ...parts,
    onPresence: (author, message) => presence.gossiped(author, message),
    onBehind: (peer) => sync.behind(peer),
  });
  const sync: Sync = new Sync({
    ...parts,
    progress,
    equal: (peer) => table.equal(peer),
    late: (peer) => table.late(peer),
    onBatch: options.onBatch,
    onCut: options.door?.farewell?.late,
    onDone: (peer, result) => {
      if (result.outcome === 'failed') facts.failed(peer, `sync: ${result.reason ?? 'failed'}`);
      // What came may be news to the others as well: they see our new digest and ask.
      if (result.opsIn + result.registersIn > 0) alive.sayNow();
      else if (result.outcome === 'done') alive.sayNow(peer);
    },
  });
  const alive: Alive = new Alive({
    ...parts,
    liveness,
    clockTrusted: options.clockTrusted ?? (() => false),
    digests,
    changes: () => replica.size,
    authorOf: (op) => replica.authorOf(op),
    enforcement: options.enforcement,
    knowledge: (peer, told) => table.knowledge(peer, told),
    close: (peer, connection, why) => links.end(peer, connection, 'silent', why),
    onIdle: (peer, bytes) => traffic.idle(peer, bytes),
    onFrame: (peer, frame, rttMs) => news.framed(peer, frame, rttMs),
    onSuspect: (peer) => news.suspect(peer),
    onDown: (peer) => news.down(peer),
    onPruned: (peer) => news.pruned(peer),
  });
  const presence: Presence = new Presence({
    ...parts,
    claims: options.presence?.claims ?? (() => []),
    idOf: options.presence?.idOf ?? ((mac) => mac),
    others: () => trust.others(),
    publish: (message) => gossip.publishPresence(message),
    liveness,
  });
  const questions = new Questions({
    ...parts,
    isMember: (peer) => replica.isMember(peer) && trusted(peer),
    answer: options.answer,
  });
  const guests = new Guests({ ...parts, door: options.door });
  const { fullMesh = 12, target = 8, maxIdleMs, maxAgeMs } = options.links ?? {};
  const links: Links = new Links({
    ...parts,
    connections,
    states: table.links,
    database: new PeerDatabase({ links: target, redrawMs: REDRAW_MS, random: Math.random }),
    traffic,
    random: Math.random,
    fullMesh,
    target,
    limits: { maxIdleMs, maxAgeMs },
    bootstrap: parseAddresses('bootstrap', options.bootstrap),
    remembered: parseAddresses('remembered', options.remembered ?? []),
    topic: topics.ops,
    members: () => trust.others(),
    left: (peer) => trust.left(peer),
    joining: () => trust.joining(),
    absent: options.absent ?? (() => false),
    stateOf: (peer) => liveness.of(peer).state,
    sole: () => liveness.sole(),
    digest: () => replica.digest + registers.digest,
    onFailed: (peer, error) => facts.failed(peer, `dial: ${error}`),
    onRefused: (peer) => news.refused(peer),
    forget: (peer) => news.forget(peer),
  });
  const news: PeerNews = new PeerNews({
    ...parts,
    table,
    connections,
    alive,
    presence,
    questions,
    sync,
    gossip,
    links,
    onMoved: () => options.onMoved?.(),
  });
  const list = new PeerList({ table, trust, overlay, links });
  return {
    counters,
    trust,
    table,
    progress,
    overlay,
    gossip,
    sync,
    alive,
    presence,
    questions,
    guests,
    links,
    list,
  };
}
