/**
 * Where the bytes of admitted ops are kept, by the number of their admission (0, 1, 2 …): the store, or memory. Passed in,
 * because a router holds years of ops and needs the bytes of few.
 */
export interface Archive {
  /** The envelope of op number `n`; undefined when it cannot be read (any more). Synchronous, never throws. */
  read(n: number): Uint8Array | undefined;
}

/** So many ops make a page: what the fold needs of them, kept beside their bytes, so that a start does not read these. */
export const PAGE_OPS = 1_024;

/** An archive in memory, for a replica without a store. */
export class MemoryArchive implements Archive {
  readonly #envelopes: Uint8Array[] = [];

  /** The bytes of the next op. */
  push(envelope: Uint8Array): void {
    this.#envelopes.push(envelope);
  }

  read(n: number): Uint8Array | undefined {
    return this.#envelopes[n];
  }
}
