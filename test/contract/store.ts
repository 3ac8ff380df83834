import { describe, expect, it } from 'vitest';
import { Registers } from '../../src/policy/registers.ts';
import type { Replica } from '../../src/policy/replica.ts';
import { restore } from '../../src/store/restore.ts';
import { type Database, Store } from '../../src/store/store.ts';
import { admitAll, blockOf, crypto, key, replica, run } from '../support/household.ts';

/** What a test does to a database behind the store's back. */
export interface StoreUnderTest {
  /** Opens the same data again and again. */
  open(): Promise<Database>;
  /** Changes raw entries: returns the new value, undefined to delete, or the value itself to leave it. */
  tamper(change: (key: string, value: Uint8Array) => Uint8Array | undefined): Promise<void>;
  dispose(): Promise<void>;
}

function registersOf(home: Replica): Registers {
  return new Registers({ home: home.home, crypto, isMember: (peer) => home.isMember(peer) });
}

async function reload(under: StoreUnderTest): Promise<{ replica: Replica; registers: Registers }> {
  const store = new Store(await under.open());
  try {
    const home = replica();
    const registers = registersOf(home);
    restore(await store.load(home.home), home, registers, key(0).peer);
    return { replica: home, registers };
  } finally {
    await store.close();
  }
}

/** Writes a small home: two actors of the founder, a second member, and a register. */
async function write(under: StoreUnderTest): Promise<Replica> {
  const store = new Store(await under.open());
  const home = replica((op) => store.putOp(op));
  await store.load(home.home);
  admitAll(home, [1]);
  for (let n = 0; n < 40; n++) {
    const author = key(n % 2);
    home.author(author, run(n % 2), { at: n, by: 'test', over: [], add: [blockOf(n, 'ads.example')] });
  }
  const registers = registersOf(home);
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
  await store.close();
  return home;
}

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
      'gives back every op and register',
      withStore(async (under) => {
        const before = await write(under);
        const { replica: after, registers } = await reload(under);
        expect(after.digest).toBe(before.digest);
        expect([...after.live.keys()].sort()).toEqual([...before.live.keys()].sort());
        expect([...registers.all()].map(({ descriptor }) => descriptor?.names)).toEqual([['tv']]);
        expect(registers.vector().get(key(0).peer)).toEqual({ gen: 1, rev: 1 });
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
          meta = new TextDecoder().decode(value).replace('"version":1', '"version":2');
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
        let flipped = false;
        await under.tamper((entry, value) => {
          if (flipped || !entry.startsWith('1!')) return value;
          flipped = true;
          const copy = Uint8Array.from(value);
          copy[40] = (copy[40] ?? 0) ^ 1;
          return copy;
        });
        await expect(reload(under)).rejects.toMatchObject({
          name: 'DataError',
          hint: expect.stringContaining('routers'),
        });
      }),
    );

    it(
      'refuses a store that has lost an op of a chain',
      withStore(async (under) => {
        await write(under);
        let lost = 0;
        await under.tamper((entry, value) => {
          lost += entry.startsWith('1!') ? 1 : 0;
          return entry.startsWith('1!') && lost === 3 ? undefined : value;
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
  });
}
