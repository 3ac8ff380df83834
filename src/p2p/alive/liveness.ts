import type { Clock } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { PeerState } from '../peer-view.ts';
import { Asks } from './asks.ts';
import { AwakeClock } from './awake-clock.ts';
import { type Life, type LifeView, newLife, type Ticked } from './life.ts';
import { DEFAULT_TOLERANCE_MS, Tolerances } from './tolerances.ts';
import { Witnesses, type Word } from './witnesses.ts';

/** How often liveness is looked at, milliseconds. */
export const TICK_MS = 100;
/** The shortest interval at which we send, milliseconds: a quarter of the shortest tolerance. */
export const SHORTEST_MS = 1_000;
const KEEP_DOWN_MS = 600_000;
const MAX_PEERS = 4_096;
/** Of those that never spoke to us so many are known by the word of others; a large community has thousands. */
const MAX_TOLD = 48;
/** A word is good when it is younger than a third of the tolerance, and for a quarter more: then the next is due. */
const GOOD_WORD = 1 / 3 + 1 / 4;

export interface LivenessOptions {
  /** The shortest interval at which we send, milliseconds. Default 1 s. */
  readonly shortestMs?: number;
  /** The grace time: a peer that has been down for so long is pruned, milliseconds. Default 10 min. */
  readonly keepDownMs?: number;
  /** Milliseconds since the machine was started, those in which it was suspended counted. Default: it never is. */
  readonly boot?: () => number;
}

/**
 * Who is alive: signs of life and the words of witnesses against tolerances, which differ by peer and by direction
 * (seed 002). A pure record, told the time by the clock that it is given; the streams are elsewhere (alive.ts).
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #awake: AwakeClock;
  readonly #lives = new Map<PeerKey, Life>();
  readonly #witnesses = new Witnesses();
  readonly #asks = new Asks();
  readonly #tolerances = new Tolerances();
  readonly #shortest: number;
  readonly #keepDown: number;
  readonly #began: number;
  #members: readonly PeerKey[] = [];
  /** Awake time at which the machine was last seen to have been suspended. */
  #resumed = Number.NEGATIVE_INFINITY;
  /** While somebody is suspect everybody is asked so often, milliseconds. */
  #askEvery = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, options: LivenessOptions = {}) {
    this.#clock = clock;
    this.#awake = new AwakeClock(clock, options.boot);
    this.#shortest = options.shortestMs ?? SHORTEST_MS;
    this.#keepDown = options.keepDownMs ?? KEEP_DOWN_MS;
    this.#began = clock.monotonic();
  }

  /** Our tolerance for peers without one of their own, milliseconds. */
  get toleranceMs(): number {
    return this.#tolerances.all;
  }

  set toleranceMs(ms: number) {
    this.#tolerances.all = ms;
  }

  /** Our tolerance for one peer, milliseconds, clamped; undefined: the one for all. */
  setTolerance(peer: PeerKey, ms: number | undefined): void {
    this.#tolerances.set(peer, ms);
  }

  /** What we ask of a peer, milliseconds: it is told so. */
  wishFor(peer: PeerKey): number {
    return this.#tolerances.wishFor(peer);
  }

  /** How long we really wait for a peer, milliseconds: what it can keep counts where that is longer than what we ask. */
  toleranceOf(peer: PeerKey): number {
    return this.#tolerances.of(peer);
  }

  /** The shortest interval at which we send, milliseconds: told with every keep-alive. */
  get shortestMs(): number {
    return this.#shortest;
  }

  /** Milliseconds for which this process ran, up to the last tick. */
  get awake(): number {
    return this.#awake.now;
  }

  /** Words of witnesses that no longer fitted in. */
  get dropped(): number {
    return this.#witnesses.dropped;
  }

  /** All members but ourselves: those of them that we do not hear are asked for. The array is kept, not copied. */
  members(peers: readonly PeerKey[]): void {
    this.#members = peers;
  }

  /** Any byte of an authenticated peer is a sign of life. True when its state changed. */
  heard(peer: PeerKey): boolean {
    const life = this.#life(peer);
    if (life === undefined) return false;
    life.heard = this.#awake.now;
    life.heardReal = this.#awake.real;
    life.lost = life.silent = life.released = false;
    if (life.state === 'alive') return false;
    this.#witnesses.clear(peer);
    this.#become(life, 'alive');
    return true;
  }

  /** A peer announced its own tolerance, and the shortest interval at which it can send (0: it does not say), milliseconds. */
  announced(peer: PeerKey, toleranceMs: number, shortestMs = 0): void {
    this.#tolerances.announced(peer, toleranceMs, shortestMs);
  }

  /**
   * So often `peer` is sent a keep-alive, milliseconds: a quarter of its tolerance; while somebody is suspect, not less often
   * than every quarter of our tolerance for that one; never more often than we can.
   */
  intervalFor(peer: PeerKey): number {
    const theirs = this.#tolerances.theirs(peer) ?? DEFAULT_TOLERANCE_MS;
    return Math.max(this.#shortest, Math.min(theirs / 4, this.#askEvery));
  }

  /** Its last connection was closed: from now on it is asked for. */
  lost(peer: PeerKey): void {
    const life = this.#lives.get(peer);
    if (life === undefined || life.lost) return;
    life.lost = true;
    this.#asks.outdated();
  }

  /** Its connection was closed and the redial refused: suspicion at once. True when its state changed. */
  refused(peer: PeerKey): boolean {
    const life = this.#lives.get(peer);
    if (life?.state !== 'alive') return false;
    life.lost = true;
    this.#become(life, 'suspect');
    return true;
  }

  /** Link choice let it go: without a connection its silence means nothing, and without a witness it is unknown, not down. */
  released(peer: PeerKey): void {
    const life = this.#lives.get(peer);
    if (life !== undefined) life.released = true;
  }

  /**
   * The member `by` says that it heard `peer` so many milliseconds ago. Counts only for one that we do not hear: it is then
   * suspect, heard by that member, for as long as such words come. True when that is news.
   */
  witness(by: PeerKey, peer: PeerKey, ageMs: number): boolean {
    const known = this.#lives.get(peer);
    if (known?.state === 'alive') return false;
    if ((known === undefined || known.state === 'unknown') && this.#told() >= MAX_TOLD) return false;
    const life = this.#life(peer);
    if (life === undefined) return false;
    const before = this.#goodWord(peer);
    this.#witnesses.take(by, peer, ageMs, this.#awake.now);
    if (this.#goodWord(peer) === undefined) return false;
    if (life.state === 'suspect') return before === undefined;
    life.grace = this.#awake.now;
    this.#become(life, 'suspect');
    return true;
  }

  /** Members for which others are asked, at most 64: suspects, then those that are down, unknown or without a connection. */
  asks(): readonly PeerKey[] {
    const now = this.#awake.now;
    const standing = this.#asks.at(now);
    if (standing !== undefined) return standing;
    const suspects: PeerKey[] = [];
    const others: PeerKey[] = [];
    for (const peer of this.#members) {
      const life = this.#lives.get(peer);
      if (life?.state === 'suspect') suspects.push(peer);
      else if (life?.state !== 'alive' || life.lost) others.push(peer);
    }
    return this.#asks.choose(suspects, others, now);
  }

  /** Moves awake time on, and answers what that changed. To be called every {@link TICK_MS}. */
  tick(): Ticked {
    const suspendedMs = this.#awake.tick();
    if (suspendedMs > 0) this.#resumed = this.#awake.now;
    const ticked: Ticked = { suspect: [], down: [], pruned: [], silent: [], suspendedMs };
    this.#askEvery = Number.POSITIVE_INFINITY;
    for (const [peer, life] of this.#lives) this.#judge(peer, life, ticked);
    return ticked;
  }

  /** What is known of a peer's life. */
  of(peer: PeerKey): LifeView {
    const life = this.#lives.get(peer);
    const wish = this.wishFor(peer);
    const toleranceMs = this.toleranceOf(peer);
    const word = this.#witnesses.newest(peer);
    const ages = [this.ageOf(peer), word && this.#awake.now - word.heardAt].filter(
      (age) => age !== undefined,
    );
    return {
      state: life?.state ?? 'unknown',
      sinceMs: this.#clock.monotonic() - (life?.since ?? this.#began),
      toleranceMs,
      stretched: toleranceMs > wish,
      theirToleranceMs: this.#tolerances.theirs(peer),
      heardBy: life?.state === 'suspect' ? this.#goodWord(peer)?.by : undefined,
      heardAgoMs: ages.length === 0 ? undefined : Math.min(...ages),
    };
  }

  /** Whether we heard a peer ourselves within our tolerance: such are others told of when they ask. */
  hears(peer: PeerKey): boolean {
    const life = this.#lives.get(peer);
    if (life?.state !== 'alive' && life?.state !== 'suspect') return false;
    return this.#awake.now - life.heard <= this.toleranceOf(peer);
  }

  /** Real milliseconds since we heard a peer ourselves; undefined when we never did. */
  ageOf(peer: PeerKey): number | undefined {
    const heard = this.#lives.get(peer)?.heardReal;
    return heard === undefined ? undefined : Math.max(0, this.#awake.real - heard);
  }

  /** The members that say that they hear one which we do not. */
  hearers(peer: PeerKey): readonly PeerKey[] {
    return this.#witnesses.after(peer, this.#awake.now - GOOD_WORD * this.toleranceOf(peer));
  }

  /** How many members are heard by each one alone, as far as others tell: without the link to it they could not be reached. */
  sole(): ReadonlyMap<PeerKey, number> {
    const sole = new Map<PeerKey, number>();
    for (const [peer, life] of this.#lives) {
      const [by, ...others] = life.state === 'suspect' ? this.hearers(peer) : [];
      if (by !== undefined && others.length === 0) sole.set(by, (sole.get(by) ?? 0) + 1);
    }
    return sole;
  }

  /** It is no member any more. */
  forget(peer: PeerKey): void {
    this.#lives.delete(peer);
    this.#witnesses.forget(peer);
    this.#tolerances.forget(peer);
    this.#asks.outdated();
  }

  #judge(peer: PeerKey, life: Life, ticked: Ticked): void {
    const now = this.#awake.now;
    const tolerance = this.toleranceOf(peer);
    const silence = now - life.heard;
    if (silence > tolerance && !life.silent && !life.lost && life.heardReal !== undefined) {
      life.silent = true;
      ticked.silent.push(peer);
    }
    if (life.state === 'alive' && silence > tolerance / 2) {
      this.#become(life, 'suspect');
      if (!life.released) ticked.suspect.push(peer);
    }
    if (life.state === 'suspect') {
      const over = now - Math.max(life.heard, life.grace, this.#resumed) > tolerance;
      if (!over || this.#goodWord(peer) !== undefined) {
        this.#askEvery = Math.min(this.#askEvery, tolerance / 4);
      } else {
        // Whom we never heard ourselves, or let go, is not called down because nobody tells of it any more.
        const isKnown = !life.released && life.heardReal !== undefined;
        this.#become(life, isKnown ? 'down' : 'unknown');
        if (isKnown) ticked.down.push(peer);
      }
    } else if (life.state === 'down' && now - life.awakeSince >= this.#keepDown) {
      this.#become(life, 'pruned');
      ticked.pruned.push(peer);
    }
  }

  #goodWord(peer: PeerKey): Word | undefined {
    const word = this.#witnesses.newest(peer);
    const good = word !== undefined && this.#awake.now - word.heardAt < GOOD_WORD * this.toleranceOf(peer);
    return good ? word : undefined;
  }

  /** How many are known by the word of others alone. */
  #told(): number {
    let told = 0;
    for (const life of this.#lives.values())
      if (life.state === 'suspect' && life.heardReal === undefined) told += 1;
    return told;
  }

  #become(life: Life, state: PeerState): void {
    life.state = state;
    life.since = this.#clock.monotonic();
    life.awakeSince = this.#awake.now;
    this.#asks.outdated();
  }

  #life(peer: PeerKey): Life | undefined {
    const known = this.#lives.get(peer);
    if (known !== undefined || this.#lives.size >= MAX_PEERS) return known;
    const life = newLife(this.#began);
    this.#lives.set(peer, life);
    return life;
  }
}
