import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSave } from '../../src/local/enforce/chains-text.ts';
import { parseEntries } from '../../src/local/enforce/conntrack-cut.ts';
import { parseElementCounts, parseRuleCounts } from '../../src/local/enforce/counters.ts';
import { driftOf } from '../../src/local/enforce/drift.ts';
import { isRead } from '../../src/local/enforce/exceptions.ts';
import { parseSetName } from '../../src/local/enforce/names.ts';
import { diff } from '../../src/local/enforce/plan.ts';
import { decodePlan } from '../../src/local/enforce/plan-format.ts';
import { narrow, parseElements, parseSizes, widen } from '../../src/local/enforce/resync.ts';
import { compile, emptyRulebook, type Rulebook } from '../../src/local/enforce/rulebook.ts';
import { assignSlots } from '../../src/local/enforce/slots.ts';
import type { BlockSet, NodeId } from '../../src/policy/block-set.ts';
import { contains } from '../../src/policy/prefixes.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { KernelModel } from '../unit/local/enforce/kernel-model.ts';
import {
  aBlockSet,
  aBlockSetAtHome,
  blockSetOf,
  expected,
  guards,
  homes,
  IDS,
  ownKeys,
  PACKETS,
  REMOTES,
  wans,
} from '../unit/local/enforce/small-world.ts';

/** Each run looks at some ten thousand packets. */
const RUNS = 40;

const drops = (model: KernelModel): boolean[] => PACKETS.map((one) => model.drops(one));

/**
 * Fails if a packet that was dropped before and shall be dropped after passes now; and if one is dropped that passed
 * before and shall pass after, between addresses for which that is promised.
 */
function watch(
  model: KernelModel,
  before: readonly boolean[],
  after: readonly boolean[],
  exact: ((address: string) => boolean) | undefined = undefined,
): () => void {
  const blocked = PACKETS.filter((_, i) => before[i] && after[i]);
  const free = PACKETS.filter(
    ({ source, destination }, i) => !before[i] && !after[i] && exact?.(source) && exact(destination),
  );
  return () => {
    for (const one of blocked) if (!model.drops(one)) throw new Error(`leaked: ${JSON.stringify(one)}`);
    for (const one of free) if (model.drops(one)) throw new Error(`was dropped: ${JSON.stringify(one)}`);
  };
}

/** Brings the model to a block set the way a resync does. */
function resync(model: KernelModel, want: Rulebook, after: () => void): void {
  const look = model.look();
  const passing = new Map(
    [...model.sets].flatMap(([name, { elements }]) => (isRead(name) ? [[name, elements] as const] : [])),
  );
  const { steps, between } = widen(want, look, passing);
  for (const step of steps) model.run(step, { exist: true, after });
  const rest = narrow(want, between, model.look().sizes);
  expect(rest.missing).toEqual([]);
  for (const step of rest.steps) model.run(step, { exist: true, after });
}

test('differences lead to the wanted block set and leak nothing on the way', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(wans, fc.array(aBlockSetAtHome, { minLength: 2, maxLength: 5 }), (wan, sequence) => {
      const model = new KernelModel();
      let slots: ReadonlyMap<NodeId, number> = new Map();
      let mirror = compile(blockSet([]), slots, { wan });
      resync(model, mirror, () => undefined);
      let before = drops(model);
      for (const want of sequence) {
        slots = assignSlots(slots, want.owners.keys());
        const after = expected(want);
        const change = diff(mirror, compile(want, slots, { wan, last: mirror }));
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

/** Two block sets with the same owners, home and guard; or with another home, or another guard, and nothing else. */
const steadyPair = ownKeys.chain((keys) =>
  fc.oneof(
    fc.tuple(homes, guards).chain(([home, guard]) => {
      const same = blockSetOf(fc.constant(keys), fc.constant(home), fc.constant(guard));
      return fc.tuple(same, same);
    }),
    fc
      .tuple(blockSetOf(fc.constant(keys)), homes)
      .map(([one, home]): [BlockSet, BlockSet] => [one, { ...one, home: new Set(home) }]),
    fc
      .tuple(blockSetOf(fc.constant(keys)), guards)
      .map(([one, guard]): [BlockSet, BlockSet] => [one, { ...one, guard: new Set(guard) }]),
  ),
);

/** True in an excepted network that comes or goes where a part of it is blocked in the other block set. */
function inMixed(address: string, one: BlockSet, other: BlockSet): boolean {
  const meets = (a: string, b: string): boolean => contains(a, b) || contains(b, a);
  const mixed = (these: BlockSet, those: BlockSet): boolean =>
    [...these.owners.values()].some((mine) => {
      const theirs = those.owners.get(mine.id);
      return [...mine.exceptedNetworks.keys()].some(
        (prefix) =>
          theirs !== undefined &&
          contains(prefix, address) &&
          !theirs.exceptedNetworks.has(prefix) &&
          !theirs.exceptions.has(address) &&
          ([...theirs.networks.keys()].some((network) => meets(network, prefix)) ||
            (theirs.internet !== undefined && ![...those.home].some((home) => contains(home, prefix))) ||
            (theirs.lan !== undefined && [...those.home].some((home) => meets(home, prefix)))),
      );
    });
  return mixed(one, other) || mixed(other, one);
}

test('while every packet keeps its owner, what is blocked neither before nor after is never blocked on the way', {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(wans, steadyPair, (wan, [earlier, want]) => {
      const model = new KernelModel();
      const slots = assignSlots(new Map(), earlier.owners.keys());
      const now = compile(earlier, slots, { wan });
      resync(model, now, () => undefined);
      const [before, after] = [drops(model), expected(want)];
      expect(before).toEqual(expected(earlier));
      for (const step of diff(now, compile(want, slots, { wan, last: now })).steps)
        model.run(step, {
          after: watch(model, before, after, (address) => !inMixed(address, earlier, want)),
        });
      expect(drops(model)).toEqual(after);
    }),
    { numRuns: RUNS * 5 },
  );
});

test('a resync leads from any earlier state, with any slots, to the wanted one and leaks nothing', {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(wans, aBlockSet, aBlockSet, fc.boolean(), (wan, earlier, want, forgot) => {
      const model = new KernelModel();
      const first = assignSlots(new Map(), earlier.owners.keys());
      resync(
        model,
        compile(earlier, first, { wan }),
        watch(model, [], expected(earlier), () => true),
      );
      const before = drops(model);
      expect(before).toEqual(expected(earlier));
      model.sets.set('hedge-tmp-R-4', { type: 'hash:ip', elements: new Set() });
      model.chains[4].set('HR-Left', ['-A HR-Left -j DROP']);
      const owners = forgot ? [...want.owners.keys()].reverse() : want.owners.keys();
      const slots = assignSlots(forgot ? new Map() : first, owners);
      const after = expected(want);
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

test('a resync to what is in force already changes the fate of no packet', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(wans, aBlockSet, (wan, blocks) => {
      const model = new KernelModel();
      const slots = assignSlots(new Map(), blocks.owners.keys());
      resync(model, compile(blocks, slots, { wan }), () => undefined);
      const verdicts = drops(model);
      resync(
        model,
        compile(blocks, slots, { wan }),
        watch(model, verdicts, verdicts, () => true),
      );
    }),
    { numRuns: RUNS },
  );
});

test('a rulebook made from the last one is the same as one made from nothing', () => {
  const sets = ({ sets: all }: Rulebook) => new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  fc.assert(
    fc.property(aBlockSet, aBlockSet, fc.subarray(IDS), (earlier, other, kept) => {
      const owners = new Map(other.owners);
      for (const id of kept.map((one) => one.padStart(32, '0'))) {
        const same = earlier.owners.get(id);
        if (same !== undefined) owners.set(id, same);
      }
      const want = { ...other, owners };
      const slots = assignSlots(new Map(), new Set([...earlier.owners.keys(), ...owners.keys()]));
      const last = compile(earlier, slots, { wan: [] });
      const [made, anew] = [compile(want, slots, { wan: [], last }), compile(want, slots, { wan: [] })];
      expect(sets(made)).toEqual(sets(anew));
      expect(made.shape).toEqual(anew.shape);
      expect(made.refused).toBe(anew.refused);
    }),
  );
});

test('one more pair of an owner that is there is one step of one transaction', () => {
  fc.assert(
    fc.property(aBlockSet, fc.constantFrom(...REMOTES), (before, remote) => {
      const [first] = before.owners.values();
      fc.pre(first !== undefined && !first.remotes.has(remote) && !first.exceptions.has(remote));
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

test('readers of what tools print never throw', { timeout: 60_000 }, () => {
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
      'add hedge-n1-4 203.0.113.0/33 packets 5 bytes 100\n',
      '[1:2] -A HR-Od1 -m set ! --match-set hedge-H-4 dst -j DROP\n',
      'tcp 6 431999 ESTABLISHED src=192.168.1.20 dst=203.0.113.7 ',
      'hedgerow-plan/1 ',
      'hedgerow-plan/2 ',
      '\n',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      parseSizes(text);
      parseElements(text);
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
      const wide = { networks: prefixes, exceptions: addresses, exceptedNetworks: prefixes };
      const blocks = blockSet([owner('1', addresses, addresses, [], wide)], { home: prefixes, guard: [] });
      const { sets } = compile(blocks, new Map([['1'.padStart(32, '0'), 0]]), { wan: [] });
      for (const { elements } of sets.values())
        for (const element of elements) expect(element).toMatch(/^[0-9a-fA-F.:]+(\/\d+)?$/);
    }),
  );
});
