import { Level } from './level.ts';

export type Entry =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/** What the store needs of a level database with text keys and binary values (abstract-level). */
export interface Database {
  get(key: string): Promise<Uint8Array | undefined>;
  /** Blocks for a read from the disk; throws when that fails. */
  getSync(key: string): Uint8Array | undefined;
  /** All or nothing. `sync`: resolve only when it is on disk. A database in memory ignores it. */
  batch(entries: Entry[], options: { sync?: boolean }): Promise<void>;
  iterator(range: { gte: string; lt: string }): AsyncIterable<[string, Uint8Array]>;
  keys(range: { limit: number }): AsyncIterable<string>;
  /** Why nothing can be written at the moment; undefined when all is well. */
  problem?(): string | undefined;
  /** Drops from the files what was overwritten, and reads and writes every block on the way. Not every database can. */
  compact?(): Promise<void>;
  /** What was read is whole. A database that is closed before this or a write is on disk as it was when it was opened. */
  settle(): void;
  close(): Promise<void>;
}

/** What a person does about a damaged store. */
export const HINT =
  'move the folder away and start again: the other routers hand back everything, also what this one wrote (docs/operations.md)';

/**
 * Opens a store's database in a folder. DataError when it is damaged; the folder is as before then. On a disk that cannot be
 * written it opens all the same, and writes are refused.
 */
export async function openDatabase(folder: string): Promise<Database> {
  const level = await Level.open(folder, HINT);
  return {
    get: (key) => level.get(key),
    getSync: (key) => level.getSync(key),
    batch: (entries, options) => level.batch(entries, options),
    iterator: (range) => level.iterator(range),
    keys: (range) => level.keys(range),
    problem: () => level.problem,
    compact: () => level.compact(),
    settle: () => level.settle(),
    close: () => level.close(),
  };
}
