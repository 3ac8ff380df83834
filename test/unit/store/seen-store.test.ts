import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/log.ts';
import { openSeenStore } from '../../../src/store/seen-level.ts';
import { memorySeenDatabase, memorySeenStore } from '../../../src/store/seen-memory.ts';
import { SEEN, type SeenStore, seenRange } from '../../../src/store/seen-store.ts';
import { type SeenDatabase, WaitingSeenStore } from '../../../src/store/seen-waiting.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function all(store: SeenStore, keyspace: string = SEEN.nodes): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of store.entries(seenRange(keyspace)))
    found.push(`${key}=${Buffer.from(value).toString()}`);
  return found;
}

describe('what waits to be written', () => {
  it('is read at once, in the order of the keys, over what is on disk', async () => {
    const database = memorySeenDatabase();
    const store = memorySeenStore(database);
    for (const key of ['1!b', '1!d', '1!f', '2!a']) store.put(key, bytes('old'));
    await store.flush();
    store.put('1!a', bytes('new'));
    store.put('1!b', bytes('new'));
    store.put('1!e', bytes('x'));
    store.put('1!e', bytes('new'));
    store.del('1!d');
    store.put('1!g', bytes('new'));
    const expected = ['1!a=new', '1!b=new', '1!e=new', '1!f=old', '1!g=new'];
    expect(await all(store)).toEqual(expected);
    await store.flush();
    expect(await all(store)).toEqual(expected);
    expect(await all(memorySeenStore(database))).toEqual(expected);
    expect(await all(store, '2')).toEqual(['2!a=old']);
  });

  it('goes on waiting when it cannot be written, and what was said since counts more', async () => {
    const database = memorySeenDatabase();
    let full = true;
    let opened = 0;
    const failing: SeenDatabase = {
      ...database,
      async batch(entries) {
        if (full) throw new Error('No space left on device');
        await database.batch(entries);
      },
    };
    const store = new WaitingSeenStore({
      open: async () => {
        opened += 1;
        return { database: failing };
      },
      failed: () => undefined,
      putAside: undefined,
    });
    store.put('1!a', bytes('first'));
    store.put('1!b', bytes('first'));
    const flushed = store.flush();
    store.put('1!a', bytes('second'));
    await expect(flushed).rejects.toThrow('No space left');
    expect(store.health()).toMatchObject({ problem: 'No space left on device', waiting: { keys: 2 } });
    expect(await all(store)).toEqual(['1!a=second', '1!b=first']);
    full = false;
    await store.flush();
    // After a write that failed the database is opened anew.
    expect(opened).toBe(2);
    expect(store.health()).toMatchObject({ problem: undefined, waiting: { keys: 0, bytes: 0 }, dropped: 0 });
    expect(await all(memorySeenStore(database))).toEqual(['1!a=second', '1!b=first']);
  });

  it('is capped: the oldest is given up and counted', async () => {
    const store = new WaitingSeenStore(
      {
        open: async () => {
          throw new Error('Read-only file system');
        },
        failed: () => undefined,
        putAside: undefined,
      },
      1_000,
    );
    for (let i = 10; i < 50; i++) store.put(`1!${i}`, new Uint8Array(92));
    expect(store.health()).toMatchObject({ dropped: 30, waiting: { keys: 10, bytes: 1_000 } });
    expect((await all(store))[0]?.slice(0, 4)).toBe('1!40');
    await expect(store.flush()).rejects.toThrow('Read-only');
    await store.close();
  });

  it('leaves out and counts what is not what was written', async () => {
    const database = memorySeenDatabase();
    const store = memorySeenStore(database);
    store.put('1!a', bytes('good'));
    store.put('1!b', bytes('bad'));
    await store.flush();
    database.content.set('1!b', bytes('rubbish'));
    database.content.set('1!c', bytes('x'));
    expect(await all(store)).toEqual(['1!a=good']);
    expect(store.health().unreadable).toBe(2);
  });
});

describe('a folder of its own', () => {
  let parent: string;
  let folder: string;
  const clock = new FakeClock();
  const open = (home = 'home') => openSeenStore(folder, { clock, log: silentLog, home });
  const write = async (text: string) => {
    const store = await open();
    store.put('1!a', bytes(text));
    await store.close();
  };
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'hedgerow-seen-'));
    folder = join(parent, 'state', 'seen');
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  it('keeps what was written over a restart', async () => {
    await write('kept');
    const store = await open();
    expect(await all(store)).toEqual(['1!a=kept']);
    expect(store.health()).toMatchObject({ problem: undefined, putAside: undefined });
    await store.close();
    await store.close();
    store.put('1!b', bytes('late'));
    expect(store.health().dropped).toBe(1);
  });

  it('puts a damaged one aside and begins anew; two are kept at most', async () => {
    for (let i = 0; i < 4; i++) {
      await write(`number ${i}`);
      const manifest = readdirSync(folder).find((name) => name.startsWith('MANIFEST')) ?? '';
      if (i % 2 === 0) rmSync(join(folder, manifest));
      else writeFileSync(join(folder, 'CURRENT'), 'rubbish');
      await clock.advance(1_000);
      const store = await open();
      expect(await all(store)).toEqual([]);
      expect(store.health().putAside).toContain(`seen.damaged-${clock.now()}`);
      expect(store.health().problem).toBeUndefined();
      await store.close();
    }
    const aside = readdirSync(join(parent, 'state')).filter((name) => name.includes('damaged'));
    expect(aside.sort()).toEqual([`seen.damaged-${clock.now() - 1_000}`, `seen.damaged-${clock.now()}`]);
  });

  it('puts one without CURRENT aside, which LevelDB would empty', async () => {
    await write('kept');
    rmSync(join(folder, 'CURRENT'));
    const store = await open();
    expect(store.health().putAside).toContain('CURRENT');
    await store.close();
    const [aside] = readdirSync(join(parent, 'state')).filter((name) => name.includes('damaged'));
    expect(readdirSync(join(parent, 'state', aside ?? '')).some((name) => name.endsWith('.log'))).toBe(true);
  });

  it('does not touch one of a newer version, and keeps nothing', async () => {
    await write('kept');
    writeFileSync(join(folder, 'VERSION'), JSON.stringify({ version: 2, home: 'home' }));
    const files = readdirSync(folder);
    const store = await open();
    store.put('1!b', bytes('lost'));
    await store.flush();
    expect(await all(store)).toEqual([]);
    expect(store.health()).toMatchObject({ dropped: 1, waiting: { keys: 0 } });
    expect(store.health().problem).toContain('newer Hedgerow');
    await store.close();
    expect(readdirSync(folder)).toEqual(files);
  });

  it('puts aside what was seen in another home, which is no problem', async () => {
    await write('kept');
    const store = await open('another');
    expect(await all(store)).toEqual([]);
    expect(store.health().putAside).toBeUndefined();
    expect(readdirSync(dirname(folder)).some((name) => name.includes('.left-'))).toBe(true);
    await store.close();
  });

  it('waits while the folder cannot be made, and tells', async () => {
    writeFileSync(join(parent, 'state'), 'a file is in the way');
    const later = await open();
    later.put('1!a', bytes('waits'));
    await expect(later.flush()).rejects.toThrow();
    expect(later.health().problem).toContain('ENOTDIR');
    rmSync(join(parent, 'state'));
    await later.flush();
    expect(later.health()).toMatchObject({ problem: undefined, waiting: { keys: 0 } });
    await later.close();
    expect(JSON.parse(readFileSync(join(folder, 'VERSION'), 'utf8'))).toEqual({ version: 1, home: 'home' });
  });
});
