import type { Connection, Stream } from '@libp2p/interface';
import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { type AliveFrame, decodeAlive, encodeAlive } from './alive-wire.ts';
import type { Applied } from './applied.ts';
import { AppliedFeed } from './applied-feed.ts';
import { StreamChannel } from './channel.ts';
import type { Counters } from './counters.ts';
import { within } from './deadline.ts';
import { frame } from './frames.ts';
import { type Liveness, TICK_MS } from './liveness.ts';
import type { Overlay } from './overlay.ts';
import { RoundTrips } from './round-trips.ts';
import { WIRE_VERSION } from './wire.ts';

export const ALIVE_PROTOCOL = '/hedgerow/alive/1';

export interface AliveOptions {
  readonly overlay: Overlay;
  readonly liveness: Liveness;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Our replica's digest and our registers' digest, now. */
  readonly digests: () => { readonly digest: string; readonly registersDigest: string };
  /** Whether our own wall clock is trusted. */
  readonly clockTrusted: () => boolean;
  /** A keep-alive arrived. */
  readonly onFrame: (peer: PeerKey, frame: AliveFrame, rttMs: number | undefined) => void;
  /** Silent for longer than the tolerance: its connections are closed already. */
  readonly onDown: (peer: PeerKey) => void;
}

interface Link {
  readonly peer: PeerKey;
  readonly connection: Connection;
  /** Undefined until the stream stands: its dialler opens it. */
  stream: Stream | undefined;
  readonly trips: RoundTrips;
  readonly openedAt: number;
  /** Awake time of our last frame. */
  saidAt: number;
  cursor: number;
}

/** What gossip tells too is said with the next frame, or after so long, milliseconds: mostly the kernel's word comes first. */
const SOON_MS = 25;
const OPEN_MS = 5_000;
/** A connection on which no stream came up after so long is of no use, milliseconds. */
const BARREN_MS = 10_000;
const MAX_FRAME = 16 * 1024;
/** With more than this waiting to go out another frame would only make it worse, bytes. */
const MAX_QUEUED_BYTES = 64 * 1024;

/** Keep-alives: one long-lived stream per connection, opened by its dialler, spoken on by both sides. */
export class Alive {
  readonly #options: AliveOptions;
  readonly #links = new Map<string, Link>();
  readonly #feed = new AppliedFeed();
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: AliveOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await this.#options.overlay.handle(ALIVE_PROTOCOL, (peer, stream, connection) => {
      if (connection.status !== 'open') return;
      const link = this.#links.get(connection.id) ?? this.#link(peer, connection);
      if (link.stream !== undefined) stream.abort(new Error('one keep-alive stream per connection'));
      else this.#attach(link, stream);
    });
    this.#schedule();
  }

  stop(): void {
    this.#timer?.clear();
    this.#soon?.clear();
    this.#links.clear();
  }

  /** A connection opened. */
  opened(peer: PeerKey, connection: Connection): void {
    const link = this.#links.get(connection.id) ?? this.#link(peer, connection);
    if (connection.direction === 'outbound') void this.#open(link);
  }

  closed(connection: Connection): void {
    this.#links.delete(connection.id);
  }

  /** Our kernel's state changed: said at once to everybody who can be reached. */
  sayApplied(applied: Applied): void {
    this.#feed.say(applied);
    this.sayNow();
  }

  /** A keep-alive out of turn: to one peer, or to all. */
  sayNow(peer?: PeerKey): void {
    for (const link of this.#links.values()) {
      if (peer === undefined || link.peer === peer) this.#say(link);
    }
  }

  /** Our digest changed: everybody hears of it within {@link SOON_MS}, in one frame with what else is to be said by then. */
  saySoon(): void {
    if (this.#soon !== undefined) return;
    const { clock, liveness } = this.#options;
    const since = liveness.awake;
    this.#soon = clock.after(SOON_MS, () => {
      this.#soon = undefined;
      for (const link of this.#links.values()) if (link.saidAt <= since) this.#say(link);
    });
  }

  #link(peer: PeerKey, connection: Connection): Link {
    const { clock } = this.#options;
    const link: Link = {
      peer,
      connection,
      stream: undefined,
      trips: new RoundTrips(clock),
      openedAt: clock.monotonic(),
      saidAt: Number.NEGATIVE_INFINITY,
      cursor: 0,
    };
    this.#links.set(connection.id, link);
    return link;
  }

  async #open(link: Link): Promise<void> {
    const { clock, counters, log } = this.#options;
    try {
      const stream = await within(clock, OPEN_MS, this.#signal, 'keep-alive', (signal) =>
        link.connection.newStream(ALIVE_PROTOCOL, { signal }),
      );
      this.#attach(link, stream);
    } catch (error) {
      if (this.#signal.aborted || link.connection.status !== 'open') return;
      counters.add('alive.not_opened');
      log.debug({ peer: link.peer, error: messageOf(error) }, 'no keep-alive stream');
      link.connection.abort(new Error('no keep-alive stream'));
    }
  }

  #attach(link: Link, stream: Stream): void {
    link.stream = stream;
    this.#say(link);
    void this.#read(link, new StreamChannel(stream, MAX_FRAME));
  }

  /** Reads for as long as the stream stands; silence is ended from outside, by the tolerance. */
  async #read(link: Link, channel: StreamChannel): Promise<void> {
    const { liveness, counters, log, onFrame } = this.#options;
    let reason = 'the other side closed it';
    try {
      for (;;) {
        const bytes = await channel.receive();
        if (bytes === undefined) break;
        const decoded = decodeAlive(bytes);
        if (!decoded.ok) {
          reason = decoded.why;
          counters.add('alive.rubbish');
          break;
        }
        liveness.heard(link.peer);
        liveness.announced(link.peer, decoded.value.toleranceMs);
        onFrame(link.peer, decoded.value, link.trips.received(decoded.value));
      }
    } catch (error) {
      reason = messageOf(error);
    }
    if (this.#signal.aborted || link.connection.status !== 'open') return;
    log.debug({ peer: link.peer, reason }, 'keep-alive stream ended');
    // Without it nobody would notice that the other side is gone.
    link.connection.abort(new Error('the keep-alive stream ended'));
  }

  #say(link: Link): void {
    const { liveness, counters, digests, clock, clockTrusted } = this.#options;
    const { stream } = link;
    if (stream?.status !== 'open' || stream.writeStatus !== 'writable') return;
    link.saidAt = liveness.awake;
    if (stream.writeBufferLength > MAX_QUEUED_BYTES) {
      counters.add('alive.dropped');
      return;
    }
    const { applied, cursor } = this.#feed.since(link.cursor);
    link.cursor = cursor;
    const message = encodeAlive({
      version: WIRE_VERSION,
      ...link.trips.sending(),
      toleranceMs: liveness.toleranceMs,
      ...digests(),
      applied,
      clock: Math.max(0, Math.floor(clock.now())),
      trusted: clockTrusted(),
    });
    stream.send(frame(message));
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      if (this.#signal.aborted) return;
      this.#tick();
      this.#schedule();
    });
  }

  #tick(): void {
    const { liveness, overlay, clock, onDown } = this.#options;
    for (const peer of liveness.tick()) {
      for (const connection of overlay.connections(peer)) connection.abort(new Error('silent for too long'));
      onDown(peer);
    }
    for (const link of [...this.#links.values()]) {
      if (link.stream === undefined && clock.monotonic() - link.openedAt > BARREN_MS) {
        link.connection.abort(new Error('no keep-alive stream'));
      } else if (liveness.awake - link.saidAt >= liveness.intervalFor(link.peer)) this.#say(link);
    }
  }
}
