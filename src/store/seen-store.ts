/**
 * What this router has seen, kept on its own disk: nodes and the history of flows. Apart from the home's ops: it is large, it
 * matters less, and when it is damaged it is put aside and begun anew. Writes wait in memory, at most one per key, and go to
 * disk in batches.
 */
export interface SeenStore {
  /** Keeps a value; the newest word on a key counts. Keys are ASCII. */
  put(key: string, value: Uint8Array): void;
  del(key: string): void;
  /**
   * What is kept in a range of keys, in their order, with what still waits to be written. Never rejects: what cannot be read
   * is left out and counted.
   */
  entries(range: SeenRange): AsyncIterable<[string, Uint8Array]>;
  /** Writes what waits. Rejects when it could not be written; it goes on waiting then. */
  flush(): Promise<void>;
  /** Writes what waits, as far as it can, and closes. */
  close(): Promise<void>;
  health(): SeenHealth;
}

export interface SeenRange {
  readonly gte: string;
  readonly lt: string;
}

export interface SeenHealth {
  /** Why nothing is kept at the moment; undefined when all is well. */
  readonly problem: string | undefined;
  /** Keys and bytes that wait to be written. */
  readonly waiting: { readonly keys: number; readonly bytes: number };
  /** Writes given up because too much waited, or because nothing is kept at all. */
  readonly dropped: number;
  /** Values, or the rest of a range, that could not be read. */
  readonly unreadable: number;
  /** Bytes given to the disk since the start: keys and values, without what the database adds. */
  readonly written: number;
  /** What became of an earlier folder that could not be used, in words. */
  readonly putAside: string | undefined;
}

/** Where things lie in it. A keyspace is numbered, and a number is never given to something else. */
export const SEEN = {
  /** Of the history only its totals; the rest is in files of its own (seen-hours.ts). */
  history: '0',
  nodes: '1',
  /** What each policy has dropped. */
  policies: '2',
} as const;

/** All keys of a keyspace: a key is the keyspace's number, `!`, and what its owner likes. */
export function seenRange(keyspace: string): SeenRange {
  return { gte: `${keyspace}!`, lt: `${keyspace}"` };
}
