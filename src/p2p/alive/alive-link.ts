import type { Connection, Stream } from '@libp2p/interface';
import type { Clock, Timer } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { StreamChannel } from '../channel.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import type { Floods } from '../floods.ts';
import { frame } from '../frames.ts';
import { WIRE_VERSION } from '../wire.ts';
import { type AliveFrame, decodeAlive, encodeAlive, MAX_ALIVE } from './alive-wire.ts';
import type { AppliedFeed } from './applied-feed.ts';
import { Asked, type Knowledge } from './asked.ts';
import { Question } from './asks.ts';
import type { Enforcement } from './enforcement.ts';
import type { Liveness } from './liveness.ts';
import { RoundTrips } from './round-trips.ts';

export interface AliveLinkOptions {
  readonly liveness: Liveness;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Told of every keep-alive that comes. */
  readonly floods: Pick<Floods, 'speaks'>;
  /** Our replica's digest, our registers' digest, and how many ops we hold, now. */
  readonly digests: () => { readonly digest: string; readonly registersDigest: string };
  readonly changes: () => number;
  /** Whether our own wall clock is trusted. */
  readonly clockTrusted: () => boolean;
  /** Whether we block what is decided. Default: it is not said. */
  readonly enforcement?: (() => Enforcement) | undefined;
  /** What we know of a member that we hear ourselves, and of its kernel since it told of so many ops; else undefined. */
  readonly knowledge: (peer: PeerKey, told: number) => Knowledge | undefined;
  /** So many bytes went out or came in that only say that somebody is alive. */
  readonly onIdle: (peer: PeerKey, bytes: number) => void;
  /** A keep-alive arrived. */
  readonly onFrame: (peer: PeerKey, frame: AliveFrame, rttMs: number | undefined) => void;
  /** Closes a connection, for a reason that a person is shown. */
  readonly close: (peer: PeerKey, connection: Connection, why: string) => void;
}

const OPEN_MS = 5_000;
/** A connection on which no stream came up after so long is of no use, milliseconds. */
const BARREN_MS = 10_000;
/** With more than this waiting to go out another frame would only make it worse, bytes. */
const MAX_QUEUED_BYTES = 64 * 1024;
/** Of a peer above its rate so many frames are thrown away at once, and then nothing is read for a while, milliseconds. */
const THROWN_AWAY = 64;
const SIP_MS = 250;
/** Answers out of turn are at least so far apart, milliseconds: asking often costs the one who asks. */
const ANSWER_MS = 50;
/** An answer for which somebody waits is held back for the answers of others, milliseconds: kernels follow an op about together. */
const GATHER_MS = 5;
/**
 * What nobody waits for is said with the next frame, or after so long, milliseconds: of our own kernel, so that views follow, and of
 * others, who say theirs then.
 */
const LATER_MS = 250;
const OF_OTHERS_MS = 1_000;

/** Keep-alives on one connection: one long-lived stream, opened by its dialler, spoken on by both sides. */
export class AliveLink {
  readonly peer: PeerKey;
  readonly #options: AliveLinkOptions;
  readonly #connection: Connection;
  readonly #feed: AppliedFeed;
  readonly #signal: AbortSignal;
  readonly #trips: RoundTrips;
  readonly #asked = new Asked();
  readonly #question = new Question();
  readonly #openedAt: number;
  /** Undefined until the stream stands. */
  #stream: Stream | undefined;
  /** Awake time of our last frame. */
  #saidAt = Number.NEGATIVE_INFINITY;
  /** Awake time at which there is something to be said out of turn that nobody waits for. */
  #dueAt = Number.POSITIVE_INFINITY;
  #cursor = 0;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #answer: Timer | undefined;

  constructor(
    peer: PeerKey,
    connection: Connection,
    feed: AppliedFeed,
    options: AliveLinkOptions,
    signal: AbortSignal,
  ) {
    this.peer = peer;
    this.#connection = connection;
    this.#feed = feed;
    this.#options = options;
    this.#signal = signal;
    this.#trips = new RoundTrips(options.clock);
    this.#openedAt = options.clock.monotonic();
  }

  get saidAt(): number {
    return this.#saidAt;
  }

  /** Opens the stream; a connection that bears none is closed. */
  async open(protocol: string): Promise<void> {
    const { clock, counters, log, close } = this.#options;
    try {
      const stream = await within(clock, OPEN_MS, this.#signal, 'keep-alive', (signal) =>
        this.#connection.newStream(protocol, { signal }),
      );
      this.attach(stream);
    } catch (error) {
      if (this.#signal.aborted || this.#connection.status !== 'open') return;
      counters.add('alive.not_opened');
      log.debug({ peer: this.peer, error: messageOf(error) }, 'no keep-alive stream');
      close(this.peer, this.#connection, 'no keep-alive stream could be opened');
    }
  }

  /** The stream stands. */
  attach(stream: Stream): void {
    if (this.#stream !== undefined) {
      stream.abort(new Error('one keep-alive stream per connection'));
      return;
    }
    this.#stream = stream;
    this.say();
    void this.#read(new StreamChannel(stream, MAX_ALIVE));
  }

  /** Says what is due, and ends a connection that is of no use. To be called every tick. */
  tick(): void {
    const { liveness, clock, close } = this.#options;
    const { awake } = liveness;
    const since = awake - liveness.intervalFor(this.peer);
    if (this.#stream === undefined && clock.monotonic() - this.#openedAt > BARREN_MS) {
      close(this.peer, this.#connection, 'no keep-alive stream came up');
    } else if (this.#saidAt <= since || this.#asked.hasTold(since)) this.#say(0);
    else if (this.#dueAt <= awake) this.say();
  }

  /** Another member's kernel changed: told to this peer if it asked for that one, at once if it waits for it. */
  news(peer: PeerKey, waits: boolean): void {
    if (!this.#asked.has(peer)) return;
    if (waits) this.#answerSoon(GATHER_MS);
    else this.sayLater(OF_OTHERS_MS);
  }

  /** Something changed that this peer hears of with the next frame, within so many milliseconds. */
  sayLater(withinMs = LATER_MS): void {
    this.#dueAt = Math.min(this.#dueAt, this.#options.liveness.awake + withinMs);
  }

  /** A keep-alive out of turn: of others it tells what is new, or was not said for as long as we can be quiet. */
  say(): void {
    this.#say(this.#options.liveness.shortestMs);
  }

  /** @param quietMs of others it tells what is new, and what was said last so long ago, milliseconds. */
  #say(quietMs: number): void {
    const { liveness, counters, digests, changes, clock, clockTrusted, knowledge, onIdle } = this.#options;
    const stream = this.#stream;
    if (stream?.status !== 'open' || stream.writeStatus !== 'writable') return;
    this.#saidAt = liveness.awake;
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (stream.writeBufferLength > MAX_QUEUED_BYTES) {
      counters.add('alive.dropped');
      return;
    }
    const { applied, cursor } = this.#feed.since(this.#cursor);
    this.#cursor = cursor;
    const message = encodeAlive({
      version: WIRE_VERSION,
      ...this.#trips.sending(),
      toleranceMs: liveness.wishFor(this.peer),
      ...digests(),
      applied,
      clock: Math.max(0, Math.floor(clock.now())),
      trusted: clockTrusted(),
      about: this.#asked.answers(knowledge, liveness.awake, liveness.awake - quietMs),
      ...this.#question.next(liveness.asks().filter((peer) => peer !== this.peer)),
      remembers: true,
      shortestMs: liveness.shortestMs,
      changes: changes(),
      enforcement: this.#options.enforcement?.(),
    });
    const bytes = frame(message);
    onIdle(this.peer, bytes.length);
    stream.send(bytes);
  }

  stop(): void {
    this.#answer?.clear();
  }

  /** Reads for as long as the stream stands; silence is ended from outside, by the tolerance. */
  async #read(channel: StreamChannel): Promise<void> {
    const { clock, counters, floods, log, close, onIdle } = this.#options;
    let reason = 'the other side closed it';
    let flood = 0;
    try {
      for (;;) {
        const bytes = await channel.receive();
        if (bytes === undefined) break;
        onIdle(this.peer, bytes.length);
        if (floods.speaks(this.peer)) {
          counters.add('alive.flood');
          flood += 1;
          // Its window holds it back meanwhile.
          if (flood % THROWN_AWAY === 0) await clock.sleep(SIP_MS, this.#signal);
          continue;
        }
        const decoded = decodeAlive(bytes);
        if (!decoded.ok) {
          reason = decoded.why;
          counters.add('alive.rubbish');
          break;
        }
        this.#heard(decoded.value);
      }
    } catch (error) {
      reason = messageOf(error);
    }
    if (this.#signal.aborted || this.#connection.status !== 'open') return;
    log.debug({ peer: this.peer, reason }, 'keep-alive stream ended');
    // Without it nobody would notice that the other side is gone.
    close(this.peer, this.#connection, 'its keep-alive stream ended');
  }

  #heard(alive: AliveFrame): void {
    const { liveness, onFrame } = this.#options;
    liveness.heard(this.peer);
    liveness.announced(this.peer, alive.toleranceMs, alive.shortestMs);
    this.#question.isRemembered = alive.remembers === true;
    const fresh = alive.again === true ? [] : this.#asked.ask(alive.asks);
    onFrame(this.peer, alive, this.#trips.received(alive));
    const lately = liveness.awake - this.#saidAt < liveness.shortestMs;
    const about = lately ? fresh : this.#asked.peers;
    if (about.some((peer) => liveness.hears(peer))) this.#answerSoon();
  }

  #answerSoon(gatherMs = 0): void {
    const { clock } = this.#options;
    if (this.#answer !== undefined) return;
    const now = () => {
      this.#answer = undefined;
      this.#answeredAt = clock.monotonic();
      this.say();
    };
    const wait = Math.max(gatherMs, this.#answeredAt + ANSWER_MS - clock.monotonic());
    if (wait <= 0) now();
    else this.#answer = clock.after(wait, now);
  }
}
