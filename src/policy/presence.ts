import type { Descriptor } from './descriptor.ts';

/**
 * What a router tells the others of one device (overlay.md, "Presence"): it is or was behind it, and what was counted of
 * it there. Told, never stored; it decides nothing.
 */
export interface PresenceClaim {
  /** The shareable part of its descriptor, with exactly one MAC; of one that is not there without addresses. */
  readonly about: Descriptor;
  /** Since when it is behind that router, and when it was last heard there; undefined: it is not there now. */
  readonly stay: Stay | undefined;
  /** Bytes from and to it that this router has counted in all; undefined: none were counted, which is not zero. */
  readonly bytes: Totals | undefined;
}

/** Monotonic milliseconds of this process: clocks lie, so only ages are told to others. */
export interface Stay {
  readonly since: number;
  readonly seen: number;
}

export interface Totals {
  readonly up: number;
  readonly down: number;
}
