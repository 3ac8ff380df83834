import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { type CheckOptions, type CheckReport, checkStore, MAX_TOLD } from '../../../src/store/check.ts';
import { sealed, unsealed } from '../../../src/store/damage.ts';
import type { Database } from '../../../src/store/database.ts';
import { finishRepair, type RepairReport, repairStore } from '../../../src/store/repair.ts';
import { start } from '../../contract/store.ts';
import { admitAll, blockOf, crypto, key, run } from '../../support/household.ts';

/** As in the contract: small pages. */
const PAGE = 8;
const OPS = 41;

type Memory = MemoryLevel<string, Uint8Array>;

function over(memory: Memory): Database {
  return {
    get: (name) => memory.get(name),
    getSync: (name) => memory.getSync(name),
    batch: (entries) => memory.batch(entries),
    iterator: (range) => memory.iterator(range),
    keys: (range) => memory.keys(range),
    settle: () => undefined,
    close: async () => undefined,
  };
}

async function written(): Promise<{ memory: Memory; database: Database; options: CheckOptions }> {
  const memory: Memory = new MemoryLevel({ valueEncoding: 'view' });
  await memory.open();
  const database = over(memory);
  const { store, replica, registers } = await start(database);
  admitAll(replica, [1]);
  for (let n = 1; n < OPS; n++) {
    const retired = n % 5 === 0 ? [[...replica.live.keys()].at(-1) ?? ''] : [];
    const add = [blockOf(n, 'ads.example')];
    replica.author(key(n % 2), run(n % 2), { at: n, by: 'test', over: retired, add });
  }
  const about = { node: 'ab'.repeat(16), device: true, macs: [], addresses: [], domains: [], names: ['tv'] };
  store.putRegister(registers.author(key(0), { gen: 1, rev: 1 }, about.node, about));
  store.putNote('remembered', new Uint8Array(3));
  await store.durable();
  await store.durable();
  const signal = new AbortController().signal;
  return { memory, database, options: { home: replica.home, crypto, signal, pageOps: PAGE, ops: OPS } };
}

async function end<T>(steps: AsyncGenerator<unknown, T>): Promise<T> {
  let step = await steps.next();
  while (step.done !== true) step = await steps.next();
  return step.value;
}

async function flip(memory: Memory, name: string): Promise<void> {
  const value = Uint8Array.from((await memory.get(name)) ?? []);
  value[value.length >> 1] = (value[value.length >> 1] ?? 0) ^ 1;
  await memory.put(name, value);
}

const opKey = (n: number) => `3!${n.toString(16).padStart(8, '0')}`;

describe('a check of the store', () => {
  it('finds nothing wrong with a store that is whole, and looks at all of it', async () => {
    const { database, options } = await written();
    const report: CheckReport = await end(checkStore(database, options));
    expect(report.wrong).toEqual([]);
    expect(report).toMatchObject({ ok: true, counts: { ops: OPS, pages: 5, registers: 1, notes: 1 } });
  });

  it.each([
    ['an op', opKey(11), 'op 11 '],
    ['a page', '4!00000002', 'page 2 '],
    ['a register', 'register', 'a register '],
    ['a note', '5!remembered', 'a note '],
  ])('finds a flipped bit in %s', async (_, name, told) => {
    const { memory, database, options } = await written();
    const [register = ''] = await memory.keys({ gte: '2!', lt: '2"' }).all();
    await flip(memory, name === 'register' ? register : name);
    const report = await end(checkStore(database, options));
    expect(report.ok).toBe(false);
    expect(report.wrong.join('; ')).toContain(told);
  });

  it('finds an op whose signature is not its author’s, although its seal is right', async () => {
    const { memory, database, options } = await written();
    const envelope = Uint8Array.from(unsealed((await memory.get(opKey(7))) ?? new Uint8Array(0)));
    envelope[envelope.length - 1] = (envelope.at(-1) ?? 0) ^ 1;
    await memory.put(opKey(7), sealed(envelope));
    const report = await end(checkStore(database, options));
    expect(report.wrong[0]).toBe('op 7 is wrong signature');
    // And the next of its chain, which hangs on it.
    expect(report.damage.ops).toEqual([7, 9]);
  });

  it('finds an op that is missing, one in another’s place, and a page of other ops', async () => {
    const { memory, database, options } = await written();
    await memory.del(opKey(3));
    await memory.put(opKey(20), (await memory.get(opKey(21))) ?? new Uint8Array(0));
    await memory.put('4!00000003', (await memory.get('4!00000001')) ?? new Uint8Array(0));
    const { wrong } = await end(checkStore(database, options));
    expect(wrong).toContain('op 3 is missing');
    expect(wrong).toContain('op 21 is there twice');
    expect(wrong.join()).toContain('page 3 ');
  });

  it('tells a bounded list', async () => {
    const { memory, database, options } = await written();
    for (let n = 0; n < 300; n++) await memory.put(`5!n${n}`, new Uint8Array(9));
    const { wrong } = await end(checkStore(database, options));
    expect(wrong).toHaveLength(MAX_TOLD + 1);
    expect(wrong.at(-1)).toBe(`and ${300 - MAX_TOLD} more`);
  });

  it('ends when it is told to', async () => {
    const { database, options } = await written();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(end(checkStore(database, { ...options, signal }))).rejects.toThrow('enough');
  });
});

describe('a repair of the store', () => {
  const repaired = async (memory: Memory, options: CheckOptions, elsewhere: boolean): Promise<RepairReport> =>
    await end(repairStore(over(memory), { ...options, heldElsewhere: () => elsewhere }));

  it('drops what can be made anew, and then nothing is wrong', async () => {
    const { memory, database, options } = await written();
    const digest = (await start(database)).replica.digest;
    for (const name of ['4!00000002', '5!remembered']) await flip(memory, name);
    const report = await repaired(memory, options, false);
    expect(report).toMatchObject({ ok: true, beginAnew: false });
    const again = await start(database);
    await again.store.durable();
    expect(again.replica.digest).toBe(digest);
    expect(await end(checkStore(database, options))).toMatchObject({ ok: true, counts: { pages: 5 } });
  });

  it('leaves damaged ops where they are when nobody else has them', async () => {
    const { memory, options } = await written();
    await flip(memory, opKey(11));
    const report = await repaired(memory, options, false);
    expect(report).toMatchObject({ ok: false, beginAnew: false });
    expect(await finishRepair(over(memory), PAGE)).toBe(false);
    expect(await memory.get(opKey(11))).toBeDefined();
  });

  it('drops damaged ops, and those after them, when another router has all', async () => {
    const { memory, database, options } = await written();
    const elsewhere = (await memory.values({ gte: '3!', lt: '3"' }).all()).map((value) => unsealed(value));
    await flip(memory, opKey(11));
    const report = await repaired(memory, options, true);
    expect(report).toMatchObject({ ok: true, beginAnew: true });
    expect(await finishRepair(database, PAGE)).toBe(true);
    expect(await finishRepair(database, PAGE)).toBe(false);
    const { store, replica } = await start(database);
    expect(replica.size).toBe(11);
    // A sync brings the rest.
    for (const envelope of elsewhere) replica.admit(envelope);
    await store.durable();
    await store.durable();
    expect(replica.size).toBe(OPS);
    expect(await end(checkStore(database, options))).toMatchObject({ ok: true, counts: { ops: OPS } });
  });
});
