import type { Connection } from '@libp2p/interface';
import type { Timer } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { OpId } from '../../policy/records.ts';
import type { Overlay } from '../overlay.ts';
import { AliveLink, type AliveLinkOptions } from './alive-link.ts';
import type { Applied } from './applied.ts';
import { AppliedFeed } from './applied-feed.ts';
import { TICK_MS } from './liveness.ts';
import { Waiting } from './waiting.ts';

export const ALIVE_PROTOCOL = '/hedgerow/alive/1';

export interface AliveOptions extends AliveLinkOptions {
  readonly overlay: Overlay;
  readonly self: PeerKey;
  /** Who wrote an op; undefined when we do not hold it. */
  readonly authorOf: (op: OpId) => PeerKey | undefined;
  /** Silent for half of the tolerance: worth a second connection beside the old one. */
  readonly onSuspect: (peer: PeerKey) => void;
  /** The tolerance is over, and nobody hears it. */
  readonly onDown: (peer: PeerKey) => void;
  /** Down for the grace time. */
  readonly onPruned: (peer: PeerKey) => void;
}

/** What gossip tells too is said with the next frame, or after so long, milliseconds: mostly the kernel's word comes first. */
const SOON_MS = 25;

/** Keep-alives with all that are connected, and the ticks by which liveness is judged. */
export class Alive {
  readonly #options: AliveOptions;
  /** By the ids of their connections. */
  readonly #links = new Map<string, AliveLink>();
  readonly #feed = new AppliedFeed();
  readonly #waiting: Waiting;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: AliveOptions) {
    this.#options = options;
    const isLinked = (peer: PeerKey) => this.#links.values().some((link) => link.peer === peer);
    const { self, authorOf, liveness } = options;
    this.#waiting = new Waiting({
      ...{ self, authorOf, isLinked },
      isAlive: (peer) => liveness.of(peer).state === 'alive',
      hearers: (peer) => liveness.hearers(peer),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await this.#options.overlay.handle(ALIVE_PROTOCOL, (peer, stream, connection) => {
      if (connection.status === 'open') this.#link(peer, connection).attach(stream);
    });
    this.#schedule();
  }

  stop(): void {
    this.#timer?.clear();
    this.#soon?.clear();
    for (const link of this.#links.values()) link.stop();
    this.#links.clear();
  }

  /** A connection opened. */
  opened(peer: PeerKey, connection: Connection): void {
    const link = this.#link(peer, connection);
    if (connection.direction === 'outbound') void link.open(ALIVE_PROTOCOL);
  }

  closed(connection: Connection): void {
    this.#links.get(connection.id)?.stop();
    this.#links.delete(connection.id);
  }

  /** Our kernel follows the policy: what is new of that is said at once to whoever waits for it, and to the others soon. */
  sayApplied(applied: Applied): void {
    // Most changes of addresses change nothing of it, and each frame costs both sides what a small change costs.
    if (!this.#feed.say(applied)) return;
    const ways = this.#waiting.ways(applied.recent);
    for (const link of this.#links.values()) {
      if (ways?.has(link.peer) !== false) link.say();
      else link.sayLater();
    }
  }

  /** A keep-alive out of turn: to one peer, or to all. */
  sayNow(peer?: PeerKey): void {
    for (const link of this.#links.values()) {
      if (peer === undefined || link.peer === peer) link.say();
    }
  }

  /** Something changed that everybody hears of within {@link SOON_MS}, in one frame with what else is to be said by then. */
  saySoon(): void {
    if (this.#soon !== undefined) return;
    const { clock, liveness } = this.#options;
    const since = liveness.awake;
    this.#soon = clock.after(SOON_MS, () => {
      this.#soon = undefined;
      for (const link of this.#links.values()) if (link.saidAt <= since) link.say();
    });
  }

  /** These ops are in the kernel of a member that we hear: said to those who do not hear it and asked, at once to who waits. */
  news(peer: PeerKey, ops: readonly OpId[]): void {
    const authors = this.#waiting.authors(ops);
    for (const link of this.#links.values()) link.news(peer, authors?.has(link.peer) !== false);
  }

  #link(peer: PeerKey, connection: Connection): AliveLink {
    const known = this.#links.get(connection.id);
    if (known !== undefined) return known;
    const link = new AliveLink(peer, connection, this.#feed, this.#options, this.#signal);
    this.#links.set(connection.id, link);
    return link;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      if (this.#signal.aborted) return;
      this.#tick();
      this.#schedule();
    });
  }

  #tick(): void {
    const { liveness, overlay, log, counters, close, onSuspect, onDown, onPruned } = this.#options;
    const { suspect, down, pruned, silent, suspendedMs } = liveness.tick();
    if (suspendedMs > 0) {
      counters.add('suspended');
      log.info(
        { ms: Math.round(suspendedMs) },
        'this machine was suspended: nobody is taken for down because of it',
      );
    }
    for (const peer of suspect) onSuspect(peer);
    // Everybody is asked at once; what comes back counts from now on.
    if (suspect.length > 0) this.sayNow();
    for (const peer of silent) {
      if (!down.includes(peer)) counters.add('peers.witnessed');
      const why = `silent for longer than ${liveness.toleranceOf(peer) / 1_000} s`;
      for (const connection of overlay.connections(peer)) close(peer, connection, why);
    }
    for (const peer of down) onDown(peer);
    for (const peer of pruned) onPruned(peer);
    for (const link of [...this.#links.values()]) link.tick();
  }
}
