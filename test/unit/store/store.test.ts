import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/store/database.ts';
import { type StoreUnderTest, storeContract } from '../../contract/store.ts';

/** What both kinds of level can do. */
interface Raw {
  iterator(): { all(): Promise<[key: string, value: Uint8Array][]> };
  put(key: string, value: Uint8Array): Promise<void>;
  del(key: string): Promise<void>;
}
type Change = Parameters<StoreUnderTest['tamper']>[0];

async function rewrite(database: Raw, change: Change): Promise<void> {
  for (const [key, value] of await database.iterator().all()) {
    const next = change(key, value);
    if (next === undefined) await database.del(key);
    else await database.put(key, next);
  }
}

storeContract('memory-level', async () => {
  const database = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' });
  const kept: Database = {
    get: (key) => database.get(key),
    getSync: (key) => database.getSync(key),
    batch: (entries) => database.batch(entries),
    iterator: (range) => database.iterator(range),
    keys: (range) => database.keys(range),
    settle: () => undefined,
    close: async () => undefined,
  };
  return {
    open: async () => kept,
    tamper: (change) => rewrite(database, change),
    dispose: () => database.close(),
  };
});

storeContract('classic-level', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-store-'));
  return {
    open: () => openDatabase(folder),
    tamper: async (change) => {
      const database = new ClassicLevel<string, Uint8Array>(folder, { valueEncoding: 'view' });
      await rewrite(database, change);
      await database.close();
    },
    dispose: async () => rmSync(folder, { recursive: true }),
  };
});

describe('opening a store', () => {
  it('refuses one that another agent has open, and says so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hedgerow-store-'));
    const first = await openDatabase(folder);
    await expect(openDatabase(folder)).rejects.toMatchObject({
      name: 'DataError',
      message: expect.stringContaining('in use'),
    });
    await first.close();
    rmSync(folder, { recursive: true });
  });
});
