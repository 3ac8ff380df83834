import type { Clock } from '../../../src/clock.ts';
import type { AliveFrame } from '../../../src/p2p/alive/alive-wire.ts';
import type { Applied } from '../../../src/p2p/alive/applied.ts';
import { AppliedFeed } from '../../../src/p2p/alive/applied-feed.ts';
import { Asked, type Knowledge } from '../../../src/p2p/alive/asked.ts';
import { Question } from '../../../src/p2p/alive/asks.ts';
import type { Liveness } from '../../../src/p2p/alive/liveness.ts';
import { RoundTrips } from '../../../src/p2p/alive/round-trips.ts';
import { Waiting } from '../../../src/p2p/alive/waiting.ts';
import type { ReplicatedOps } from '../../../src/p2p/replicated.ts';
import { WIRE_VERSION } from '../../../src/p2p/wire.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { OpId } from '../../../src/policy/records.ts';
import type { Wire } from './dial.ts';

export interface SpeakingOptions {
  readonly self: PeerKey;
  readonly clock: Clock;
  readonly liveness: Liveness;
  readonly replica: Pick<ReplicatedOps, 'digest' | 'size' | 'authorOf'>;
  readonly registersDigest: string;
  readonly knowledge: (peer: PeerKey, told: number) => Knowledge | undefined;
  readonly onFrame: (peer: PeerKey, frame: AliveFrame) => void;
}

interface Link {
  readonly peer: PeerKey;
  readonly wire: Wire;
  readonly trips: RoundTrips;
  readonly asked: Asked;
  readonly question: Question;
  /** Awake time of our last frame. */
  saidAt: number;
  dueAt: number;
  cursor: number;
  answeredAt: number;
  answers: boolean;
}

/** As src/p2p/alive/alive.ts and alive-link.ts have them, milliseconds. */
const SOON_MS = 25;
const ANSWER_MS = 50;
const GATHER_MS = 5;
const LATER_MS = 250;
const OF_OTHERS_MS = 1_000;

/** When which keep-alive is sent, as src/p2p/alive/alive-link.ts decides it; what is in it, and liveness, are the real thing. */
export class Speaking {
  readonly #options: SpeakingOptions;
  readonly #feed = new AppliedFeed();
  readonly #links = new Map<string, Link>();
  readonly #waiting: Waiting;
  #soon = false;

  constructor(options: SpeakingOptions) {
    this.#options = options;
    const { self, liveness, replica } = options;
    this.#waiting = new Waiting({
      self,
      authorOf: (op) => replica.authorOf(op),
      isAlive: (peer) => liveness.of(peer).state === 'alive',
      isLinked: (peer) => this.#links.values().some((link) => link.peer === peer),
      hearers: (peer) => liveness.hearers(peer),
    });
  }

  opened(peer: PeerKey, wire: Wire): void {
    const link: Link = {
      peer,
      wire,
      trips: new RoundTrips(this.#options.clock),
      asked: new Asked(),
      question: new Question(),
      saidAt: Number.NEGATIVE_INFINITY,
      dueAt: Number.POSITIVE_INFINITY,
      cursor: 0,
      answeredAt: Number.NEGATIVE_INFINITY,
      answers: false,
    };
    this.#links.set(wire.id, link);
    this.#say(link);
  }

  closed(wire: Wire): void {
    this.#links.delete(wire.id);
  }

  /** To be called after every tick of liveness. */
  tick(): void {
    const { liveness } = this.#options;
    for (const link of this.#links.values()) {
      const since = liveness.awake - liveness.intervalFor(link.peer);
      if (link.saidAt <= since || link.asked.hasTold(since)) this.#say(link, 0);
      else if (link.dueAt <= liveness.awake) this.#say(link);
    }
  }

  sayApplied(applied: Applied): void {
    if (!this.#feed.say(applied)) return;
    const ways = this.#waiting.ways(applied.recent);
    for (const link of this.#links.values()) {
      if (ways?.has(link.peer) !== false) this.#say(link);
      else this.#sayLater(link);
    }
  }

  sayNow(): void {
    for (const link of this.#links.values()) this.#say(link);
  }

  saySoon(): void {
    const { clock, liveness } = this.#options;
    if (this.#soon) return;
    this.#soon = true;
    const since = liveness.awake;
    clock.after(SOON_MS, () => {
      this.#soon = false;
      for (const link of this.#links.values()) if (link.saidAt <= since) this.#say(link);
    });
  }

  /** These ops are in another member's kernel: told to those who asked for it, at once to who waits. */
  news(peer: PeerKey, ops: readonly OpId[]): void {
    const authors = this.#waiting.authors(ops);
    for (const link of this.#links.values()) {
      if (!link.asked.has(peer)) continue;
      if (authors?.has(link.peer) !== false) this.#answerSoon(link, GATHER_MS);
      else this.#sayLater(link, OF_OTHERS_MS);
    }
  }

  received(peer: PeerKey, wire: Wire, frame: AliveFrame): void {
    const { liveness, onFrame } = this.#options;
    const link = this.#links.get(wire.id);
    if (link === undefined) return;
    liveness.announced(peer, frame.toleranceMs, frame.shortestMs);
    link.trips.received(frame);
    link.question.isRemembered = frame.remembers === true;
    const fresh = frame.again === true ? [] : link.asked.ask(frame.asks);
    onFrame(peer, frame);
    const about = liveness.awake - link.saidAt < liveness.shortestMs ? fresh : link.asked.peers;
    if (about.some((third) => liveness.hears(third))) this.#answerSoon(link);
  }

  #sayLater(link: Link, withinMs = LATER_MS): void {
    link.dueAt = Math.min(link.dueAt, this.#options.liveness.awake + withinMs);
  }

  #answerSoon(link: Link, gatherMs = 0): void {
    const { clock } = this.#options;
    if (link.answers) return;
    const now = () => {
      link.answers = false;
      link.answeredAt = clock.monotonic();
      this.#say(link);
    };
    const wait = Math.max(gatherMs, link.answeredAt + ANSWER_MS - clock.monotonic());
    if (wait <= 0) {
      now();
      return;
    }
    link.answers = true;
    clock.after(wait, now);
  }

  #say(link: Link, quietMs = this.#options.liveness.shortestMs): void {
    const { clock, liveness, replica, registersDigest, knowledge } = this.#options;
    if (link.wire.closed) return;
    const { applied, cursor } = this.#feed.since(link.cursor);
    link.cursor = cursor;
    link.saidAt = liveness.awake;
    link.dueAt = Number.POSITIVE_INFINITY;
    const frame: AliveFrame = {
      version: WIRE_VERSION,
      ...link.trips.sending(),
      toleranceMs: liveness.wishFor(link.peer),
      digest: replica.digest,
      registersDigest,
      applied,
      clock: clock.now(),
      trusted: true,
      about: link.asked.answers(knowledge, liveness.awake, liveness.awake - quietMs),
      ...link.question.next(liveness.asks().filter((peer) => peer !== link.peer)),
      remembers: true,
      shortestMs: liveness.shortestMs,
      changes: replica.size,
    };
    link.wire.send({ kind: 'alive', frame });
  }
}
