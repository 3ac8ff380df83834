import { type SeenDatabase, type SeenSource, WaitingSeenStore } from './seen-waiting.ts';

/** A database in memory: what is written lasts as long as this object. */
export function memorySeenDatabase(): SeenDatabase & { readonly content: Map<string, Uint8Array> } {
  const content = new Map<string, Uint8Array>();
  return {
    content,
    async batch(entries) {
      for (const entry of entries) {
        if (entry.type === 'put') content.set(entry.key, entry.value);
        else content.delete(entry.key);
      }
    },
    async *iterator({ gte, lt }) {
      yield* [...content].filter(([key]) => key >= gte && key < lt).sort(([x], [y]) => (x < y ? -1 : 1));
    },
    close: async () => undefined,
  };
}

/** A store in memory, for tests and for a replay. Another one over the same database is the same store after a restart. */
export function memorySeenStore(database: SeenDatabase = memorySeenDatabase()): WaitingSeenStore {
  const source: SeenSource = {
    open: async () => ({ database }),
    failed: () => undefined,
    putAside: undefined,
  };
  return new WaitingSeenStore(source);
}
