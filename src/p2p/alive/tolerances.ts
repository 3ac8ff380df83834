import type { PeerKey } from '../../policy/crypto.ts';

/** Tolerances, milliseconds (overlay.md: at 1 s and 10 % loss there were 7 false alarms an hour per pair). */
export const MIN_TOLERANCE_MS = 4_000;
export const MAX_TOLERANCE_MS = 48 * 3_600_000;
export const DEFAULT_TOLERANCE_MS = 6_000;
/** In a home of two nobody else can be asked. */
export const PAIR_TOLERANCE_MS = 10_000;
const MAX_PEERS = 4_096;

/** A tolerance inside its limits; anything that is not a number gives the default. */
export function clampTolerance(ms: number): number {
  if (!Number.isFinite(ms) || ms <= 0) return DEFAULT_TOLERANCE_MS;
  return Math.min(MAX_TOLERANCE_MS, Math.max(MIN_TOLERANCE_MS, Math.round(ms)));
}

interface Announced {
  readonly toleranceMs: number;
  readonly shortestMs: number;
}

/**
 * How long we wait for each peer, and each for us: two directions, each with its own time-out (seed 002). Who asks, wants; who
 * is asked, promises what it can.
 */
export class Tolerances {
  readonly #own = new Map<PeerKey, number>();
  readonly #theirs = new Map<PeerKey, Announced>();
  #all = DEFAULT_TOLERANCE_MS;

  /** For peers without one of their own, milliseconds. */
  get all(): number {
    return this.#all;
  }

  set all(ms: number) {
    this.#all = clampTolerance(ms);
  }

  /** For one peer, milliseconds; undefined: as for all. */
  set(peer: PeerKey, ms: number | undefined): void {
    if (ms === undefined) this.#own.delete(peer);
    else if (this.#own.has(peer) || this.#own.size < MAX_PEERS) this.#own.set(peer, clampTolerance(ms));
  }

  /** A peer said how long it waits for us, and the shortest interval at which it can send (0: it did not), milliseconds. */
  announced(peer: PeerKey, toleranceMs: number, shortestMs: number): void {
    if (!this.#theirs.has(peer) && this.#theirs.size >= MAX_PEERS) return;
    const shortest = Number.isFinite(shortestMs) ? Math.max(0, shortestMs) : 0;
    this.#theirs.set(peer, { toleranceMs: clampTolerance(toleranceMs), shortestMs: shortest });
  }

  /** What we ask of a peer, milliseconds. */
  wishFor(peer: PeerKey): number {
    return this.#own.get(peer) ?? this.#all;
  }

  /** How long we really wait for it, milliseconds: four of its shortest intervals where that is longer than what we ask. */
  of(peer: PeerKey): number {
    const shortest = this.#theirs.get(peer)?.shortestMs ?? 0;
    return Math.max(this.wishFor(peer), Math.min(MAX_TOLERANCE_MS, 4 * shortest));
  }

  /** How long it waits for us, milliseconds; undefined when it has not said. */
  theirs(peer: PeerKey): number | undefined {
    return this.#theirs.get(peer)?.toleranceMs;
  }

  forget(peer: PeerKey): void {
    this.#own.delete(peer);
    this.#theirs.delete(peer);
  }
}
