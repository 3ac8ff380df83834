import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Aliases } from '../../src/local/nodes/aliases.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { NodeFile } from '../../src/local/nodes/node-file.ts';
import {
  decodeId,
  decodeMemory,
  decodeNumber,
  encodeMemory,
  type NodeMemory,
} from '../../src/local/nodes/node-memory.ts';
import type { NeighbourFact } from '../../src/local/observe/facts.ts';
import { silentLog } from '../../src/log.ts';
import { deviceId } from '../../src/policy/identity.ts';
import { memorySeenDatabase, memorySeenStore } from '../../src/store/seen-memory.ts';
import { seenRange } from '../../src/store/seen-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hashing } from '../unit/local/hashing.ts';

const HOME = 'ab'.repeat(32);
const SEGMENT = 'attic/br-lan';
const signal = new AbortController().signal;

const macOf = (n: number) => `02:00:00:00:01:0${n}`;
const seen = fc.record({
  kind: fc.constant('neighbour' as const),
  segment: fc.constant(SEGMENT),
  interface: fc.constant('br-lan'),
  address: fc.integer({ min: 1, max: 4 }).map((n) => `192.168.77.${n}`),
  mac: fc.integer({ min: 1, max: 5 }).map(macOf),
  present: fc.boolean(),
  fresh: fc.boolean(),
});
type Step =
  | NeighbourFact
  | { kind: 'alias'; mac: string }
  | { kind: 'wait'; seconds: number }
  | { kind: 'restart'; wall: number }
  | { kind: 'crash' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: seen },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('alias' as const),
      mac: fc.integer({ min: 1, max: 5 }).map(macOf),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.nat(60) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      wall: fc.integer({ min: 0, max: 2_000_000_000_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
);

/** One run of an agent. A crash is another one that begins without this one's end. */
async function begun(database: ReturnType<typeof memorySeenDatabase>, wall?: number) {
  const clock = new FakeClock(wall);
  const cache: NodeCache = new NodeCache({
    home: HOME,
    crypto: hashing,
    clock,
    knownBefore: (id) => file.knows(id),
  });
  const aliases = new Aliases({ live: (id) => cache.descriptor(id) !== undefined });
  const store = memorySeenStore(database);
  const options = { store, cache, aliases, clock, log: silentLog, held: () => true };
  const file: NodeFile = new NodeFile(options);
  await file.start(signal);
  return { clock, cache, aliases, file, read: 0 };
}

test('whatever is seen, over restarts and crashes: ids and aliases stay, nobody is new twice, the newest fresh owner has an address', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const database = memorySeenDatabase();
      let one = await begun(database);
      const told = new Set<string>();
      /** Every number that was ever told, and whose it is. */
      const numbers = new Map<number, string>();
      /** Owners on the segment, and whether that is memory alone. Not known after a crash. */
      let owners: Map<string, { mac: string; remembered: boolean }> | undefined = new Map();
      /** Numbers that are on disk for sure. */
      let written = new Map<string, number>();
      const listen = () => {
        for (const notice of one.cache.news.since(one.read).notices) {
          if (notice.kind !== 'new') continue;
          expect(told.has(notice.node)).toBe(false);
          told.add(notice.node);
        }
        one.read = one.cache.news.last;
      };
      for (const what of steps) {
        if (what.kind === 'neighbour') {
          const known = one.cache.deviceByMac(what.mac) !== undefined;
          one.cache.apply(what);
          if (owners !== undefined && what.present) {
            const owner = owners.get(what.address);
            if (what.fresh || owner === undefined || owner.remembered || owner.mac === what.mac)
              owners.set(what.address, { mac: what.mac, remembered: false });
          }
          if (known || what.present)
            expect(one.cache.deviceByMac(what.mac)).toBe(deviceId(hashing, HOME, what.mac));
        } else if (what.kind === 'alias') {
          const id = deviceId(hashing, HOME, what.mac);
          const number = one.aliases.of(id);
          expect(numbers.get(number) ?? id).toBe(id);
          numbers.set(number, id);
          expect(written.get(id) ?? number).toBe(number);
        } else if (what.kind === 'wait') await one.clock.advance(what.seconds * 1_000);
        else {
          if (what.kind === 'restart') {
            await one.file.stop();
            for (const [, owner] of owners ?? []) owner.remembered = true;
            const ids = [...new Set(numbers.values())];
            written = new Map(
              ids.flatMap((id) => {
                const number = one.aliases.has(id);
                return number === undefined ? [] : [[id, number] as const];
              }),
            );
          } else {
            // What was given since the last write may be lost: another number then, and never another's.
            written = new Map();
            owners = undefined;
          }
          listen();
          one = await begun(database, what.kind === 'restart' ? what.wall : undefined);
          expect(one.file.health()).toMatchObject({ rubbish: 0, newer: 0 });
        }
        listen();
        for (const [address, { mac }] of owners ?? [])
          expect(one.cache.deviceByAddress(SEGMENT, address)).toBe(deviceId(hashing, HOME, mac));
      }
      await one.file.stop();
      listen();
    }),
    { numRuns: 150 },
  );
});

const at = fc.option(
  fc.record({ at: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), trusted: fc.boolean() }),
  { nil: undefined },
);
const NODE = 'cd'.repeat(16);
const memory: fc.Arbitrary<NodeMemory> = fc.record({
  descriptor: fc.record({
    node: fc.constant(NODE),
    device: fc.boolean(),
    macs: fc.array(fc.integer({ min: 1, max: 9 }).map(macOf), { maxLength: 2 }),
    addresses: fc.array(
      fc.record({
        address: fc.oneof(
          fc.ipV4(),
          fc.integer({ min: 1, max: 9 }).map((n) => `fd77::${n}`),
        ),
        segment: fc.constantFrom(SEGMENT, 'attic/br-lan/20'),
      }),
      { maxLength: 5 },
    ),
    domains: fc.array(fc.constantFrom('a.example', 'b.example'), { maxLength: 2 }),
    names: fc.array(fc.stringMatching(/^[a-z äß日]{1,20}$/), { maxLength: 3 }),
  }),
  life: fc.record({ first: at, last: at }),
});

test('a memory is read as it was written, under its own key only', () => {
  fc.assert(
    fc.property(memory, (one) => {
      const bytes = encodeMemory('1!dx', one);
      expect(decodeMemory('1!dx', NODE, bytes)).toEqual(one);
      expect(decodeMemory('1!dy', NODE, bytes)).toBe('rubbish');
    }),
  );
});

const spoilt = (bytes: Uint8Array, edits: readonly { at: number; byte: number; cut: boolean }[]) => {
  let whole = Uint8Array.from(bytes);
  for (const { at: place, byte, cut } of edits) {
    const i = place % Math.max(1, whole.length);
    if (cut) whole = whole.slice(0, i);
    else whole[i] = byte;
  }
  return whole;
};
const edits = fc.array(fc.record({ at: fc.nat(500), byte: fc.nat(255), cut: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
});

test('a spoilt memory is rubbish, and so is anything else: never a wrong binding, never an exception', () => {
  fc.assert(
    fc.property(memory, edits, fc.uint8Array({ maxLength: 80 }), (one, how, other) => {
      const bytes = encodeMemory('1!dx', one);
      const bad = spoilt(bytes, how);
      const same = Buffer.compare(bad, bytes) === 0;
      expect(decodeMemory('1!dx', NODE, bad)).toEqual(same ? one : 'rubbish');
      for (const decode of [decodeNumber, decodeId]) expect(decode('1!n', bad)).toBe('rubbish');
      expect(decodeMemory('1!dx', NODE, other)).toBe('rubbish');
    }),
    { numRuns: 500 },
  );
});

test('a spoilt file: what can be read is right, the rest is told', async () => {
  const database = memorySeenDatabase();
  const before = await begun(database);
  for (let n = 1; n <= 5; n++) {
    before.cache.apply({
      kind: 'neighbour',
      segment: SEGMENT,
      interface: 'br-lan',
      address: `192.168.77.${n}`,
      mac: macOf(n),
      present: true,
      fresh: true,
    });
    before.aliases.of(deviceId(hashing, HOME, macOf(n)));
  }
  await before.file.stop();
  const whole = new Map<string, Uint8Array>();
  for await (const [key, value] of memorySeenStore(database).entries(seenRange('1'))) whole.set(key, value);
  const keys = [...whole.keys()];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.nat(keys.length - 1), how: edits, from: fc.nat(keys.length - 1) }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.boolean(),
      async (changes, swap) => {
        const other = memorySeenDatabase();
        const store = memorySeenStore(other);
        for (const [key, value] of whole) store.put(key, value);
        const touched = new Set<string>();
        for (const { key, how, from } of changes) {
          const [name = '', source = ''] = [keys[key], keys[from]];
          const value = whole.get(swap ? source : name) ?? new Uint8Array(0);
          const next = swap ? value : spoilt(value, how);
          if (Buffer.compare(next, whole.get(name) ?? next) === 0) touched.delete(name);
          else touched.add(name);
          store.put(name, next);
        }
        await store.flush();
        const after = await begun(other);
        const { loaded, rubbish } = after.file.health();
        expect(rubbish).toBe(touched.size);
        expect(loaded.devices).toBe(
          [...keys].filter((key) => key.startsWith('1!d') && !touched.has(key)).length,
        );
        for (const device of after.cache.devices()) {
          expect(device).toEqual(before.cache.descriptor(device.node));
          const number = after.aliases.has(device.node);
          if (number !== undefined) expect(number).toBe(before.aliases.has(device.node));
        }
        await after.file.stop();
      },
    ),
    { numRuns: 100 },
  );
});
