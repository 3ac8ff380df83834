import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/policy/crypto.ts';
import type { Op } from '../../src/policy/op.ts';
import { Registers } from '../../src/policy/registers.ts';
import { Replica } from '../../src/policy/replica.ts';
import { sealed } from '../../src/store/damage.ts';
import type { Database, Entry } from '../../src/store/database.ts';
import { restore } from '../../src/store/restore.ts';
import { Store } from '../../src/store/store.ts';
import { admitAll, blockOf, crypto, deliver, genesis, key, run } from '../support/household.ts';

/** What a test does to a database behind the store's back. */
export interface StoreUnderTest {
  /** Opens the same data again and again. */
  open(): Promise<Database>;
  /** Changes raw entries: returns the new value, undefined to delete, or the value itself to leave it. */
  tamper(change: (key: string, value: Uint8Array) => Uint8Array | undefined): Promise<void>;
  dispose(): Promise<void>;
}

/** Small pages, so that a few ops make several. */
const PAGE = 8;
/** Ops of the home that {@link write} writes: five pages and a tail. */
const OPS = 41;

/** An agent's policy side, started on a store. */
export interface Started {
  readonly store: Store;
  readonly replica: Replica;
  readonly registers: Registers;
}

/** Starts on a database as the agent does. */
export async function start(database: Database): Promise<Started> {
  const store = new Store(database, PAGE);
  const replica = new Replica({
    genesis,
    crypto,
    archive: store,
    pageOps: PAGE,
    onAdmitted: (op, n) => store.putOp(n, op),
  });
  const registers = new Registers({
    home: replica.home,
    crypto,
    isMember: (peer) => replica.isMember(peer),
    onAdmitted: (register) => store.putRegister(register),
  });
  try {
    restore(await store.load(replica.home), replica, registers, key(0).peer);
  } catch (error) {
    await store.close();
    throw error;
  }
  return { store, replica, registers };
}

/** Starts, waits until all that follows from it is written, and stops. */
async function reload(under: StoreUnderTest): Promise<Started> {
  const started = await start(await under.open());
  await started.store.durable();
  await started.store.close();
  return started;
}

/** Writes a small home: two actors of the founder's and a second member's, and a register. */
async function write(under: StoreUnderTest): Promise<Replica> {
  const { store, replica, registers } = await start(await under.open());
  admitAll(replica, [1]);
  for (let n = 1; n < OPS; n++) {
    const over = n % 5 === 0 ? [[...replica.live.keys()].at(-1) ?? ''] : [];
    replica.author(key(n % 2), run(n % 2), { at: n, by: 'test', over, add: [blockOf(n, 'ads.example')] });
  }
  const about = {
    node: 'ab'.repeat(16),
    device: true,
    macs: ['02:00:00:00:00:01'],
    addresses: [],
    domains: [],
    names: ['tv'],
  };
  store.putRegister(registers.author(key(0), { gen: 1, rev: 1 }, about.node, about));
  await store.durable();
  // What follows from it: the pages.
  await store.durable();
  await store.close();
  return replica;
}

async function keysOf(under: StoreUnderTest): Promise<string[]> {
  const keys: string[] = [];
  await under.tamper((entry, value) => {
    keys.push(entry);
    return value;
  });
  return keys.sort();
}

const flipped = (value: Uint8Array) => value.map((byte, at) => (at === value.length >> 1 ? byte ^ 1 : byte));

/** The suite that every database has to pass. */
export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    const withStore = (work: (under: StoreUnderTest) => Promise<void>) => async () => {
      const under = await make();
      try {
        await work(under);
      } finally {
        await under.dispose();
      }
    };

    it(
      'begins empty',
      withStore(async (under) => {
        const { replica: home } = await reload(under);
        expect(home.size).toBe(0);
      }),
    );

    it(
      'gives back every op and register, from pages and what came after them',
      withStore(async (under) => {
        const before = await write(under);
        const keys = await keysOf(under);
        expect(keys.filter((key) => key.startsWith('4!'))).toHaveLength(5);
        const { replica: after, registers } = await reload(under);
        expect(after.digest).toBe(before.digest);
        expect([...after.live.keys()]).toEqual([...before.live.keys()]);
        expect([...registers.all()].map(({ descriptor }) => descriptor?.names)).toEqual([['tv']]);
        expect(registers.vector().get(key(0).peer)).toEqual({ gen: 1, rev: 1 });
        expect(await keysOf(under)).toEqual([...keys, '0!synced'].filter(unique).sort());
      }),
    );

    it(
      'writes nothing of what it has read',
      withStore(async (under) => {
        await write(under);
        const written: string[] = [];
        const database = writing(await under.open(), (entries) =>
          written.push(...entries.map((entry) => entry.key)),
        );
        const { store } = await start(database);
        await store.durable();
        await store.close();
        expect(written).toEqual(['0!synced']);
      }),
    );

    it(
      'goes on where it was, also when a page is filled by the next run',
      withStore(async (under) => {
        await write(under);
        const { store, replica } = await start(await under.open());
        expect([...replica.recent(OPS + 1)].map((op) => op.at)).toEqual([
          ...Array.from({ length: OPS - 1 }, (_, n) => OPS - 1 - n),
          1,
        ]);
        expect(store.unreadable).toBe(0);
        const ops = Array.from({ length: 2 * PAGE }, (_, n) =>
          replica.author(key(1), run(9), { at: n, by: 'test', over: [], add: [blockOf(n, 'later.example')] }),
        );
        expect(envelopes(replica, ops)).toEqual(ops.map((op) => toHex(op.envelope)));
        await store.durable();
        await store.durable();
        expect(envelopes(replica, ops)).toEqual(ops.map((op) => toHex(op.envelope)));
        await store.close();
        expect((await keysOf(under)).filter((entry) => entry.startsWith('4!'))).toHaveLength(7);
        expect((await reload(under)).replica.digest).toBe(replica.digest);
      }),
    );

    it(
      'keeps notes, of each name the newest',
      withStore(async (under) => {
        const first = await start(await under.open());
        first.store.putNote('clock', Uint8Array.of(1));
        await first.store.durable();
        first.store.putNote('clock', Uint8Array.of(2));
        expect(first.store.note('clock')).toEqual(Uint8Array.of(2));
        await first.store.durable();
        await first.store.close();
        const second = await start(await under.open());
        expect([...(second.store.note('clock') ?? [])]).toEqual([2]);
        expect(second.store.note('nothing')).toBeUndefined();
        await second.store.close();
      }),
    );

    it.each<[string, (key: string, value: Uint8Array) => Uint8Array | undefined]>([
      ['is missing', (entry, value) => (entry === '4!00000002' ? undefined : value)],
      ['is damaged', (entry, value) => (entry === '4!00000002' ? flipped(value) : value)],
      [
        'is of another layout',
        (entry, value) => (entry === '4!00000002' ? sealed(Uint8Array.of(99, PAGE)) : value),
      ],
    ])('reads the ops of a page that %s, and writes it anew', async (_, change) => {
      await withStore(async (under) => {
        const before = await write(under);
        const pages = async () => (await keysOf(under)).filter((entry) => entry.startsWith('4!'));
        const all = await pages();
        await under.tamper(change);
        const { replica: after } = await reload(under);
        expect(after.digest).toBe(before.digest);
        expect([...after.live.keys()]).toEqual([...before.live.keys()]);
        expect(await pages()).toEqual(all);
        expect((await reload(under)).replica.digest).toBe(before.digest);
      })();
    });

    it(
      'refuses a page whose ops are not there',
      withStore(async (under) => {
        await write(under);
        await under.tamper((entry, value) => (entry === '3!00000027' ? undefined : value));
        await expect(reload(under)).rejects.toMatchObject({ name: 'DataError' });
      }),
    );

    it(
      'refuses the store of another home',
      withStore(async (under) => {
        await write(under);
        const store = new Store(await under.open());
        await expect(store.load('ff'.repeat(32))).rejects.toMatchObject({ name: 'DataError' });
        await store.close();
      }),
    );

    it(
      'refuses a store of a newer version, and leaves it as it is',
      withStore(async (under) => {
        await write(under);
        let meta = '';
        await under.tamper((entry, value) => {
          if (!entry.endsWith('!store')) return value;
          meta = new TextDecoder().decode(value).replace('"version":2', '"version":3');
          return new TextEncoder().encode(meta);
        });
        await expect(reload(under)).rejects.toMatchObject({
          name: 'DataError',
          message: expect.stringContaining('newer'),
        });
        let found = '';
        await under.tamper((entry, value) => {
          if (entry.endsWith('!store')) found = new TextDecoder().decode(value);
          return value;
        });
        expect(found).toBe(meta);
      }),
    );

    it(
      'refuses a store in which a bit of an op was flipped',
      withStore(async (under) => {
        await write(under);
        await under.tamper((entry, value) => (entry === '3!00000028' ? flipped(value) : value));
        await expect(reload(under)).rejects.toMatchObject({
          name: 'DataError',
          hint: expect.stringContaining('routers'),
        });
      }),
    );

    it(
      'refuses a store in which what holds cannot be read, behind a page too',
      withStore(async (under) => {
        await write(under);
        await under.tamper((entry, value) => (entry === '3!00000002' ? flipped(value) : value));
        await expect(reload(under)).rejects.toMatchObject({ name: 'DataError' });
      }),
    );

    it(
      'refuses a store that has lost an op',
      withStore(async (under) => {
        await write(under);
        await under.tamper((entry, value) => {
          if (entry.startsWith('4!')) return undefined;
          return entry === '3!00000003' ? undefined : value;
        });
        await expect(reload(under)).rejects.toMatchObject({ name: 'DataError' });
      }),
    );

    it(
      'refuses a store that does not say what it is',
      withStore(async (under) => {
        await write(under);
        await under.tamper((entry, value) => (entry.endsWith('!store') ? undefined : value));
        await expect(reload(under)).rejects.toMatchObject({ name: 'DataError' });
      }),
    );

    it(
      'makes a store of version 1 one of version 2, whole or not at all',
      withStore(async (under) => {
        const ops: Op[] = [];
        const before = new Replica({ genesis, crypto, onAdmitted: (op) => ops.push(op) });
        admitAll(before, [1]);
        // The second member is the one whose key comes first, so that its ops lie before the one that admits it.
        for (let n = 0; n < 30; n++)
          before.author(key(n % 2), run(n), { at: n, by: 'v1', over: [], add: [blockOf(n, 'a.example')] });
        const database = await under.open();
        await database.batch(version1(before.home, ops), {});
        await database.close();
        const lost = ops.at(0)?.id ?? '';
        const kept = new Map<string, Uint8Array>();
        await under.tamper((entry, value) => {
          if (!entry.endsWith(lost)) return value;
          kept.set(entry, value);
          return undefined;
        });
        const damaged = await keysOf(under);
        await expect(reload(under)).rejects.toMatchObject({ name: 'DataError' });
        expect(await keysOf(under)).toEqual(damaged);

        const again = await under.open();
        await again.batch(
          [...kept].map(([entry, value]) => ({ type: 'put' as const, key: entry, value })),
          {},
        );
        await again.close();
        for (let times = 0; times < 2; times++) {
          const { replica: after } = await reload(under);
          expect(after.digest).toBe(before.digest);
          expect([...after.live.keys()].sort()).toEqual([...before.live.keys()].sort());
          const keys = await keysOf(under);
          expect(keys.filter((entry) => entry.startsWith('1!'))).toEqual([]);
          expect(keys.filter((entry) => entry.startsWith('3!'))).toHaveLength(31);
          expect(keys.filter((entry) => entry.startsWith('4!'))).toHaveLength(3);
        }
      }),
    );

    it(
      'keeps in memory, in order, what cannot be written',
      withStore(async (under) => {
        await write(under);
        const database = await under.open();
        let full = false;
        const { store, replica } = await start(
          writing(database, () => {
            if (full) throw new Error('no space left on device');
          }),
        );
        full = true;
        const ops: Op[] = [];
        for (let n = 0; n < 2 * PAGE; n++) {
          const add = [blockOf(n, 'full.example')];
          ops.push(replica.author(key(1), run(9), { at: n, by: 'test', over: [], add }));
          await expect(store.durable()).rejects.toThrow('no space');
        }
        expect(store.lastError).toContain('no space');
        expect(envelopes(replica, ops)).toEqual(ops.map((op) => toHex(op.envelope)));
        full = false;
        await store.durable();
        expect(store.lastError).toBeUndefined();
        await store.close();
        expect((await reload(under)).replica.digest).toBe(replica.digest);
      }),
    );

    it(
      'may be put back from an old copy, twice: another run begins, and nothing is lost',
      withStore(async (under) => {
        await write(under);
        const copy = new Map<string, Uint8Array>();
        await under.tamper((entry, value) => {
          copy.set(entry, Uint8Array.from(value));
          return value;
        });
        const other = new Replica({ genesis, crypto });
        const written: Op[] = [];
        for (let life = 0; life < 3; life++) {
          await under.tamper(() => undefined);
          const empty = await under.open();
          await empty.batch(
            [...copy].map(([entry, value]) => ({ type: 'put' as const, key: entry, value })),
            {},
          );
          await empty.close();
          const { store, replica } = await start(await under.open());
          for (let n = 0; n < 3; n++) {
            const add = [blockOf(n, `life${life}.example`)];
            written.push(replica.author(key(0), run(100 + life), { at: n, by: 'test', over: [], add }));
          }
          await store.durable();
          for (let round = 0; round < 3; round++) {
            deliver(replica, other);
            deliver(other, replica);
          }
          expect(replica.digest).toBe(other.digest);
          for (const op of written) expect(replica.live.has(`${op.id}/0`)).toBe(true);
          await store.durable();
          await store.close();
          expect((await reload(under)).replica.digest).toBe(other.digest);
        }
      }),
    );
  });
}

/** The same database, with a look at what is to be written; a throw is a write that fails. */
function writing(database: Database, look: (entries: readonly Entry[]) => void): Database {
  return {
    get: (entry) => database.get(entry),
    getSync: (entry) => database.getSync(entry),
    batch: async (entries, options) => {
      look(entries);
      await database.batch(entries, options);
    },
    iterator: (range) => database.iterator(range),
    keys: (range) => database.keys(range),
    settle: () => database.settle(),
    close: () => database.close(),
  };
}

/** A store as version 1 wrote it: ops by peer, run, seq and id. */
function version1(home: string, ops: readonly Op[]) {
  const meta = new TextEncoder().encode(JSON.stringify({ version: 1, home }));
  return [
    { type: 'put' as const, key: '0!store', value: meta },
    ...ops.map((op) => ({
      type: 'put' as const,
      key: `1!${op.peer}!${op.run}!${op.seq.toString(16).padStart(14, '0')}!${op.id}`,
      value: sealed(op.envelope),
    })),
  ];
}

/** What a replica has of these ops, as text: a database may hand out its own kind of byte array. */
function envelopes(replica: Replica, ops: readonly Op[]): string[] {
  return ops.map((op) => toHex(replica.envelope(op.id) ?? new Uint8Array(0)));
}

function unique(value: string, at: number, all: readonly string[]): boolean {
  return all.indexOf(value) === at;
}
