import type { Connection } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { OpenConnections } from './connections.ts';
import type { Counters } from './counters.ts';
import { gossips, type Overlay } from './overlay.ts';

export interface UpkeepOptions {
  readonly overlay: Overlay;
  readonly connections: OpenConnections<Connection>;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly trusted: (peer: PeerKey) => boolean;
  /** It has said that it goes: it may hear from us that we know, before it is cut off. */
  readonly left: (peer: PeerKey) => boolean;
  /** The gossip topic on which every peer must be heard. */
  readonly topic: string;
  /** A peer is not trusted any more: its connections are closed, everything kept of it goes. */
  readonly forget: (peer: PeerKey) => void;
}

/** A connection gets so long to bring up gossip before it is taken for deaf, milliseconds. */
const GOSSIP_MS = 5_000;
/** So many looks in a row must find gossip missing. */
const DEAF_LOOKS = 3;
/** So long a router that goes stays connected, milliseconds. */
const FAREWELL_MS = 3_000;

/** What has to be looked at once a second: strangers that were members, and gossip that went deaf. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  /** Looks in a row at which a connected peer had no gossip. */
  readonly #deaf = new Map<PeerKey, number>();
  #known: ReadonlySet<PeerKey> = new Set();
  /** When a connected peer was first seen to have left, monotonic milliseconds. */
  readonly #goodbyes = new Map<PeerKey, number>();

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  look(others: readonly PeerKey[]): void {
    const { connections, trusted, forget } = this.#options;
    for (const peer of new Set([...connections.peers(), ...this.#known])) {
      if (trusted(peer) || this.#saysGoodbye(peer)) continue;
      this.#close(peer, 'not a member any more');
      this.#deaf.delete(peer);
      this.#goodbyes.delete(peer);
      forget(peer);
    }
    this.#known = new Set(others);
    for (const peer of connections.peers()) if (trusted(peer)) this.#listen(peer);
  }

  #saysGoodbye(peer: PeerKey): boolean {
    const { clock, connections, left } = this.#options;
    if (!left(peer) || connections.ageOf(peer, clock.monotonic()) === undefined) return false;
    const since = this.#goodbyes.get(peer) ?? clock.monotonic();
    this.#goodbyes.set(peer, since);
    return clock.monotonic() - since < FAREWELL_MS;
  }

  /** A peer that is connected and not heard on gossip is redialled: libp2p does not notice. */
  #listen(peer: PeerKey): void {
    const { overlay, connections, clock, topic, counters, log } = this.#options;
    const open = overlay.connections(peer);
    const [connection] = open;
    const age = connections.ageOf(peer, clock.monotonic()) ?? 0;
    if (
      connection === undefined ||
      age < GOSSIP_MS ||
      gossips(overlay.gossip, topic, connection.remotePeer, open)
    ) {
      this.#deaf.delete(peer);
      return;
    }
    const looks = (this.#deaf.get(peer) ?? 0) + 1;
    this.#deaf.set(peer, looks);
    if (looks < DEAF_LOOKS) return;
    this.#deaf.delete(peer);
    counters.add('gossip.mended');
    log.debug({ peer }, 'gossip with a connected peer was deaf');
    this.#close(peer, 'gossip is deaf');
  }

  #close(peer: PeerKey, reason: string): void {
    for (const connection of this.#options.overlay.connections(peer)) connection.abort(new Error(reason));
  }
}
