/**
 * What this router has seen, kept on its own disk: nodes and the history of flows. Apart from the home's ops: it is large, it
 * matters less, and when it is damaged it is put aside and begun anew. Writes wait in memory, at most one per key, and go to
 * disk in batches.
 */
export interface SeenStore {
  /** Keeps a value; the newest word on a key counts. */
  put(key: string, value: Uint8Array): void;
  del(key: string): void;
  /** What is kept in a range of keys, in their order, with what still waits to be written. */
  entries(range: { readonly gte: string; readonly lt: string }): AsyncIterable<[string, Uint8Array]>;
  /** Writes what waits. Rejects when it could not be written; it goes on waiting then. */
  flush(): Promise<void>;
  /** Writes what waits, as far as it can, and closes. */
  close(): Promise<void>;
}

/** Where things lie in it. A keyspace is numbered, and a number is never given to something else. */
export const SEEN = {
  meta: '0',
  nodes: '1',
  hours: '2',
  days: '3',
  interfaces: '4',
} as const;
