import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSave } from '../../src/local/enforce/chains-text.ts';
import { parseEntries } from '../../src/local/enforce/conntrack-cut.ts';
import { parseElementCounts, parseRuleCounts } from '../../src/local/enforce/counters.ts';
import { driftOf } from '../../src/local/enforce/drift.ts';
import { FakeBackend } from '../../src/local/enforce/fake-backend.ts';
import { parseSetName } from '../../src/local/enforce/names.ts';
import { diff } from '../../src/local/enforce/plan.ts';
import { decodePlan } from '../../src/local/enforce/plan-file.ts';
import { narrow, parseSizes, widen } from '../../src/local/enforce/resync.ts';
import { compile, emptyRulebook, type Rulebook } from '../../src/local/enforce/rulebook.ts';
import { assignSlots } from '../../src/local/enforce/slots.ts';
import type { BlockSet, NodeId } from '../../src/policy/block-set.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { KernelModel, type Packet } from '../unit/local/enforce/kernel-model.ts';

const DEVICES = ['192.168.1.20', '192.168.1.30', '192.168.1.40', '2001:db8:1::20', '2001:db8:1::30'];
const REMOTES = ['203.0.113.7', '203.0.113.8', '192.168.1.40', '2001:db8:f::7', '2001:db8:1::30'];
const MACS = ['02:aa:00:00:00:01', '02:aa:00:00:00:02', '02:aa:00:00:00:03'];
// More than one slot group.
const IDS = Array.from({ length: 11 }, (_, i) => i.toString(16));

const anOwner = (id: string) =>
  fc
    .tuple(fc.subarray(DEVICES), fc.subarray(REMOTES), fc.subarray(MACS, { maxLength: 2 }))
    .map(([addresses, remotes, macs]) => owner(id, addresses, remotes, macs));
const aBlockSet: fc.Arbitrary<BlockSet> = fc
  .tuple(
    fc.subarray(IDS).chain((ids) => fc.tuple(...ids.map(anOwner))),
    fc.subarray(REMOTES, { maxLength: 2 }),
    fc.subarray(DEVICES),
  )
  .map(([owners, everyone, known]) => ({ ...blockSet(owners, { everyone }), known: new Set(known) }));
const wans = fc.constantFrom<string[]>([], ['wan0'], ['wan0', 'wan1']);

/** Each run looks at some ten thousand packets. */
const RUNS = 60;

/** Every packet that the small world can have; between two LANs, so that no test of an interface spares it. */
const PACKETS: readonly Packet[] = DEVICES.flatMap((device) =>
  [...REMOTES, ...DEVICES]
    .filter((remote) => remote !== device && remote.includes(':') === device.includes(':'))
    .flatMap((remote) => [
      ...[...MACS, '02:bb:00:00:00:01'].map((mac) => packet(device, remote, mac)),
      packet(remote, device, '02:bb:00:00:00:01'),
    ]),
);

function packet(source: string, destination: string, mac: string): Packet {
  return { from: 'lan', to: 'guest', source, destination, mac };
}

/** What an independent reading of the block set says. */
async function expected(blocks: BlockSet): Promise<boolean[]> {
  const fake = new FakeBackend();
  await fake.set(blocks, new AbortController().signal);
  return PACKETS.map(({ source, destination, mac }) => fake.blocks(source, destination, mac));
}

const drops = (model: KernelModel): boolean[] => PACKETS.map((one) => model.drops(one));

/** Fails if a packet that was dropped before and shall be dropped after passes now. */
function watch(model: KernelModel, before: readonly boolean[], after: readonly boolean[]): () => void {
  const blocked = PACKETS.filter((_, i) => before[i] && after[i]);
  return () => {
    for (const one of blocked) if (!model.drops(one)) throw new Error(`leaked: ${JSON.stringify(one)}`);
  };
}

/** Brings the model to a block set the way a resync does. */
function resync(model: KernelModel, want: Rulebook, after: () => void): void {
  const { steps, between } = widen(want, model.look());
  for (const step of steps) model.run(step, { exist: true, after });
  const rest = narrow(want, between, model.look().sizes);
  expect(rest.missing).toEqual([]);
  for (const step of rest.steps) model.run(step, { exist: true, after });
}

test('differences lead to the wanted block set and leak nothing on the way', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(wans, fc.array(aBlockSet, { minLength: 2, maxLength: 5 }), async (wan, sequence) => {
      const model = new KernelModel();
      let slots: ReadonlyMap<NodeId, number> = new Map();
      resync(model, compile(blockSet([]), slots, { wan }), () => undefined);
      let mirror = compile(blockSet([]), slots, { wan });
      let before = drops(model);
      for (const want of sequence) {
        slots = assignSlots(slots, want.owners.keys());
        const after = await expected(want);
        const change = diff(mirror, compile(want, slots, { wan }));
        for (const step of change.steps) model.run(step, { after: watch(model, before, after) });
        expect(drops(model)).toEqual(after);
        expect(driftOf(change.reached, model.look())).toEqual([]);
        mirror = change.reached;
        before = after;
      }
    }),
    { numRuns: RUNS },
  );
});

test('a resync leads from any earlier state, with any slots, to the wanted one and leaks nothing', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(wans, aBlockSet, aBlockSet, fc.boolean(), async (wan, earlier, want, forgot) => {
      const model = new KernelModel();
      const first = assignSlots(new Map(), earlier.owners.keys());
      resync(model, compile(earlier, first, { wan }), () => undefined);
      const before = drops(model);
      expect(before).toEqual(await expected(earlier));
      model.sets.set('hedge-tmp-R-4', { type: 'hash:ip', elements: new Set() });
      model.chains[4].set('HR-Left', ['-A HR-Left -j DROP']);
      const owners = forgot ? [...want.owners.keys()].reverse() : want.owners.keys();
      const slots = assignSlots(forgot ? new Map() : first, owners);
      const after = await expected(want);
      const rulebook = compile(want, slots, { wan });
      resync(model, rulebook, watch(model, before, after));
      expect(drops(model)).toEqual(after);
      expect(driftOf(rulebook, model.look())).toEqual([]);
      expect(model.sets.has('hedge-tmp-R-4')).toBe(false);
      expect(model.chains[4].has('HR-Left')).toBe(false);
      expect(new Set(model.sets.keys())).toEqual(new Set(rulebook.sets.keys()));
    }),
    { numRuns: RUNS },
  );
});

test('one more pair of an owner that is there is one step of one transaction', () => {
  fc.assert(
    fc.property(aBlockSet, fc.constantFrom(...REMOTES), (before, remote) => {
      const [first] = before.owners.values();
      fc.pre(first !== undefined && !first.remotes.has(remote));
      const slots = assignSlots(new Map(), before.owners.keys());
      const more = { ...first, remotes: new Map([...first.remotes, [remote, []]]) };
      const next = { ...before, owners: new Map(before.owners).set(first.id, more as never) };
      const now = compile(before, slots, { wan: ['wan0'] });
      const { steps } = diff(now, compile(next, slots, { wan: ['wan0'] }));
      expect(steps.map((step) => step.kind)).toEqual(['sets']);
    }),
  );
});

test('a live owner keeps its slot, no slot is shared, a freed one is used again only later', () => {
  const ids = fc.uniqueArray(fc.constantFrom(...IDS), { minLength: 0, maxLength: 11 });
  fc.assert(
    fc.property(fc.array(ids, { maxLength: 12 }), (sequence) => {
      let held: ReadonlyMap<NodeId, number> = new Map();
      for (const owners of sequence) {
        const next = assignSlots(held, owners);
        expect([...next.keys()].sort()).toEqual([...owners].sort());
        expect(new Set(next.values()).size).toBe(next.size);
        for (const [id, slot] of next) {
          if (held.has(id)) expect(slot).toBe(held.get(id));
          else expect([...held.values()]).not.toContain(slot);
        }
        held = next;
      }
    }),
  );
});

test('an unchanged block set needs no step', () => {
  fc.assert(
    fc.property(aBlockSet, (blocks) => {
      const slots = assignSlots(new Map(), blocks.owners.keys());
      const { reached } = diff(emptyRulebook, compile(blocks, slots, { wan: [] }));
      expect(diff(reached, compile(blocks, slots, { wan: [] })).steps).toEqual([]);
    }),
  );
});

test('readers of what tools print never throw', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      'Name: hedge-L-4\n',
      'Number of entries: 3\n',
      ':HEDGEROW - [0:0]\n',
      '-A HEDGEROW -j HR-O\n',
      '-A FORWARD -j HEDGEROW\n',
      '[12:34] -A HR-Od1 -m set --match-set hedge-r1-4 dst -j DROP\n',
      'add hedge-r1-4 203.0.113.7 packets 5 bytes 100\n',
      'tcp 6 431999 ESTABLISHED src=192.168.1.20 dst=203.0.113.7 ',
      'hedgerow-plan/1 ',
      '\n',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      parseSizes(text);
      parseSave(text);
      parseRuleCounts(text);
      parseElementCounts(text);
      parseEntries(text);
      parseSetName(text);
      expect(decodePlan(text)).toHaveProperty('wrong');
    }),
  );
});

test('no element that a tool could misread gets into a rulebook', () => {
  const rubbish = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '192.168.1.20\nflush',
      'example.org',
      '10.0.0.0/8',
      'fe80::1%eth0',
      '1.2.3',
      '192.168.1.1-192.168.1.9',
      '',
    ),
  );
  fc.assert(
    fc.property(fc.array(rubbish), fc.array(rubbish), (addresses, prefixes) => {
      const blocks = blockSet([owner('1', addresses, addresses)], { home: prefixes, guard: [] });
      const { sets } = compile(blocks, new Map([['1'.padStart(32, '0'), 0]]), { wan: [] });
      for (const { elements } of sets.values())
        for (const element of elements) expect(element).toMatch(/^[0-9a-fA-F.:]+(\/\d+)?$/);
    }),
  );
});
