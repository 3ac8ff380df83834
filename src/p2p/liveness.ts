import type { Clock } from '../clock.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { PeerState } from './peer-view.ts';

/** Tolerances, milliseconds (overlay.md: at 1 s and 10 % loss there were 7 false alarms an hour per pair). */
export const MIN_TOLERANCE_MS = 4_000;
export const MAX_TOLERANCE_MS = 48 * 3_600_000;
export const DEFAULT_TOLERANCE_MS = 6_000;
/** In a home of two nobody else can be asked. */
export const PAIR_TOLERANCE_MS = 10_000;
/** How often liveness is looked at, milliseconds. */
export const TICK_MS = 100;
/** A tick counts at most so much, however late it comes. */
const MAX_TICK_MS = 250;
const MAX_PEERS = 4_096;

/** A tolerance inside its limits; anything that is not a number gives the default. */
export function clampTolerance(ms: number): number {
  if (!Number.isFinite(ms) || ms <= 0) return DEFAULT_TOLERANCE_MS;
  return Math.min(MAX_TOLERANCE_MS, Math.max(MIN_TOLERANCE_MS, Math.round(ms)));
}

/**
 * Time during which this process ran. After it was stopped or stalled a tick counts as one tick, so that silence
 * which nobody could have heard declares nobody down.
 */
export class AwakeClock {
  readonly #clock: Clock;
  #last: number;
  #awake = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = clock.monotonic();
  }

  /** Awake milliseconds up to the last tick. */
  get now(): number {
    return this.#awake;
  }

  /** To be called every {@link TICK_MS}. */
  tick(): void {
    const now = this.#clock.monotonic();
    this.#awake += Math.min(MAX_TICK_MS, Math.max(0, now - this.#last));
    this.#last = now;
  }
}

interface Life {
  state: PeerState;
  /** Monotonic time at which the state began. */
  since: number;
  /** Awake time of the last sign of life. */
  heard: number;
  /** What it asks of us; undefined until it has said. */
  theirs: number | undefined;
}

/** Who is alive: a pure record of signs of life against tolerances; the streams are elsewhere (alive.ts). */
export class Liveness {
  readonly #clock: Clock;
  readonly #awake: AwakeClock;
  readonly #records = new Map<PeerKey, Life>();
  readonly #began: number;
  #tolerance = DEFAULT_TOLERANCE_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#awake = new AwakeClock(clock);
    this.#began = clock.monotonic();
  }

  /** How long we wait for a peer, milliseconds. May be changed at any time. */
  get toleranceMs(): number {
    return this.#tolerance;
  }

  set toleranceMs(ms: number) {
    this.#tolerance = clampTolerance(ms);
  }

  get awake(): number {
    return this.#awake.now;
  }

  /** Any byte of an authenticated peer is a sign of life. True when its state changed. */
  heard(peer: PeerKey): boolean {
    const record = this.#record(peer);
    if (record === undefined) return false;
    record.heard = this.#awake.now;
    if (record.state === 'alive') return false;
    record.state = 'alive';
    record.since = this.#clock.monotonic();
    return true;
  }

  /** A peer announced its own tolerance. */
  announced(peer: PeerKey, toleranceMs: number): void {
    const record = this.#record(peer);
    if (record !== undefined) record.theirs = clampTolerance(toleranceMs);
  }

  /** Every so often `peer` wants to hear of us: a quarter of its tolerance, milliseconds. */
  intervalFor(peer: PeerKey): number {
    return (this.#records.get(peer)?.theirs ?? DEFAULT_TOLERANCE_MS) / 4;
  }

  /** Moves awake time on and answers the peers that are down from now on. */
  tick(): PeerKey[] {
    this.#awake.tick();
    const down: PeerKey[] = [];
    for (const [peer, record] of this.#records) {
      if (record.state !== 'alive' || this.#awake.now - record.heard <= this.#tolerance) continue;
      record.state = 'down';
      record.since = this.#clock.monotonic();
      down.push(peer);
    }
    return down;
  }

  /** State of a peer, for how long (ms), and the tolerance that it announced. */
  of(peer: PeerKey): { state: PeerState; sinceMs: number; theirToleranceMs: number | undefined } {
    const record = this.#records.get(peer);
    const now = this.#clock.monotonic();
    if (record === undefined)
      return { state: 'unknown', sinceMs: now - this.#began, theirToleranceMs: undefined };
    return { state: record.state, sinceMs: now - record.since, theirToleranceMs: record.theirs };
  }

  /** It is no member any more. */
  forget(peer: PeerKey): void {
    this.#records.delete(peer);
  }

  #record(peer: PeerKey): Life | undefined {
    let record = this.#records.get(peer);
    if (record === undefined && this.#records.size < MAX_PEERS) {
      record = { state: 'unknown', since: this.#began, heard: this.#awake.now, theirs: undefined };
      this.#records.set(peer, record);
    }
    return record;
  }
}
