import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { Classes } from '../../src/policy/classes.ts';
import { decide, type Situation } from '../../src/policy/decide.ts';
import { Decision } from '../../src/policy/decision.ts';
import { lift } from '../../src/policy/lift.ts';
import type { Record, Subject } from '../../src/policy/records.ts';
import { Sightings } from '../../src/policy/sightings.ts';
import {
  blockedPairs,
  describe as described,
  edgesOf,
  inPrefix,
  isBlocked,
  membership,
  places,
  policy,
  ROUTER,
  same,
  situation,
  type Thing,
  things,
  type Written,
  written,
} from './deciding.ts';

type Decide = (situation: Situation) => BlockSet;

/** policy.md's precedence said once more, for one device and one address, without classes. */
function blockedByDefinition(records: readonly Record[], device: Thing, address: string): boolean {
  if (address === ROUTER) return false;
  const covers = (subject: Subject, near: boolean): boolean => {
    switch (subject.kind) {
      case 'device':
      case 'remote': {
        if (near) return subject.id === device.id;
        return things.some(({ id, addresses }) => id === subject.id && addresses.includes(address));
      }
      case 'domain':
        return (
          !near &&
          things.some((thing) => thing.domain === subject.domain && thing.addresses.includes(address))
        );
      case 'pattern':
        return (
          !near &&
          things.some(({ domain, addresses }) => {
            const under = domain === subject.suffix || domain?.endsWith(`.${subject.suffix}`);
            return under === true && addresses.includes(address);
          })
        );
      case 'network':
        return !near && inPrefix(address, subject.prefix);
      case 'group':
        return records.some(
          (record) => record.kind === 'in' && record.group === subject.group && covers(record.node, near),
        );
      case 'internet':
        return !near && !inPrefix(address, '192.168.1.0/24');
      default:
        return near || inPrefix(address, '192.168.1.0/24');
    }
  };
  const rank = ({ kind }: Subject) =>
    ({ pattern: 2, network: 1, group: 1, home: 0, lan: 0, internet: 0 })[kind as string] ?? 3;
  const size = (subject: Subject): number =>
    subject.kind === 'pattern'
      ? subject.suffix.length
      : subject.kind === 'network'
        ? Number(subject.prefix.split('/')[1])
        : 0;
  const narrower = (x: Subject, y: Subject): number => {
    if (rank(x) !== rank(y)) return rank(x) - rank(y);
    return x.kind === y.kind ? size(x) - size(y) : 0;
  };
  const sides = records.flatMap((record) => {
    if (record.kind !== 'block' && record.kind !== 'allow') return [];
    return [
      { record, near: record.a, far: record.b },
      { record, near: record.b, far: record.a },
    ].filter(({ near, far }) => {
      if (near.kind === 'device' || near.kind === 'group') return true;
      const all = near.kind === 'home' || near.kind === 'lan';
      return all && far.kind !== 'device' && far.kind !== 'home';
    });
  });
  const isAll = ({ kind }: Subject) => kind === 'home' || kind === 'lan';
  const covering = sides.filter(({ near, far }) => {
    if (!covers(near, true)) return false;
    if (far.kind === 'group' && isAll(near)) {
      // Devices of a group are cut from the home as seen from themselves.
      return records.some(
        (record) =>
          record.kind === 'in' &&
          record.group === far.group &&
          record.node.kind !== 'device' &&
          covers(record.node, false),
      );
    }
    return covers(far, false);
  });
  const allows = covering.filter(({ record }) => record.kind === 'allow');
  return covering.some(({ record: block, near, far }) => {
    if (block.kind !== 'block') return false;
    return !allows.some(({ record: allow, near: allowNear, far: allowFar }) => {
      if (allow.kind !== 'allow') return false;
      // Words that are as wide and mean something else do not meet; for an address both can cover it.
      const order = narrower(allowFar, far) || narrower(allowNear, near);
      const bonus = allow.terms.for !== undefined && block.terms.windows !== undefined;
      return order > 0 || (order === 0 && bonus);
    });
  });
}

const records = fc
  .record({
    policies: fc.array(policy, { minLength: 1, maxLength: 6 }),
    members: fc.array(membership, { maxLength: 4 }),
  })
  .map(({ policies, members }) => [...policies, ...members]);

describe('deciding', () => {
  it('does what the precedence says, for every device and address', () => {
    fc.assert(
      fc.property(records, (all) => {
        const set = decide(situation(written(all)));
        for (const device of things.filter((thing) => thing.device)) {
          for (const address of places) {
            const wanted = blockedByDefinition(all, device, address);
            expect(isBlocked(set, device.id, address), `${device.id} ${address}`).toBe(wanted);
          }
        }
      }),
      { numRuns: 1_500, seed: 3 },
    );
  });

  it('comes to the same step by step as from nothing', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), record: fc.oneof(policy, membership, same) }),
      fc.record({ do: fc.constant('retire' as const), which: fc.nat(9) }),
      fc.record({
        do: fc.constant('see' as const),
        which: fc.nat(things.length - 1),
        addresses: fc.array(fc.constantFrom(...places), { maxLength: 3 }),
      }),
      fc.record({ do: fc.constant('forget' as const), which: fc.nat(things.length - 1) }),
      fc.record({
        do: fc.constant('move' as const),
        home: fc.subarray(['192.168.1.0/24', '203.0.113.0/24']),
        guard: fc.subarray([`${ROUTER}/32`, '203.0.113.0/28']),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        let surroundings = situation([]);
        const sightings = new Sightings(surroundings);
        const seen = new Map(things.map((thing) => [thing.id, thing]));
        for (const thing of seen.values()) sightings.put('s', thing.id, described(thing));
        let live: Written[] = [];
        const retired: Written[] = [];
        let classes = new Classes(edgesOf(live), sightings);
        const decision = new Decision();
        let n = 0;
        for (const one of steps) {
          if (one.do === 'write')
            live = [...live, { id: `r${String(n++).padStart(3, '0')}/0`, record: one.record }];
          else if (one.do === 'retire') {
            const [gone] = live.slice(one.which % Math.max(1, live.length));
            if (gone !== undefined) retired.push(gone);
            live = live.filter((written) => written !== gone);
          } else if (one.do === 'move') {
            surroundings = { ...surroundings, home: new Set(one.home), guard: new Set(one.guard) };
          } else {
            const thing = things[one.which];
            if (thing === undefined) continue;
            const now = one.do === 'see' ? { ...thing, addresses: one.addresses } : undefined;
            if (now === undefined) seen.delete(thing.id);
            else seen.set(thing.id, now);
            sightings.put('s', thing.id, now && described(now));
          }
          const edges = edgesOf(live, retired);
          if (one.do === 'write' || one.do === 'retire') classes = new Classes(edges, sightings);
          const scene = { sightings, edges, classes, idOfDomain: (domain: string) => domain };
          const stepped = decision.next(live, scene, surroundings);
          const { home, guard } = surroundings;
          const whole = decide({ ...situation(live, retired, [...seen.values()]), home, guard });
          expect(plain(stepped)).toEqual(plain(whole));
          // The same once more is the same objects, whatever it was said with.
          const anew = new Sightings(surroundings);
          for (const thing of seen.values()) anew.put('s', thing.id, described(thing));
          const again = decision.next(
            [...live],
            { ...scene, sightings: anew, classes: new Classes(edges, anew) },
            { ...surroundings, home: new Set(home), guard: new Set(guard) },
          );
          for (const key of ['owners', 'everyone', 'home', 'guard', 'known'] as const)
            expect(again[key], key).toBe(stepped[key]);
          decision.next(live, scene, surroundings);
        }
      }),
      { numRuns: 400, seed: 5 },
    );
  });

  it('enforces the narrowest policies when there is not room for all, and says which it does not', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 6 }), (all, max) => {
        const set = decide({ ...situation(written(all)), maxAddresses: max });
        let size = set.everyone.size;
        for (const { remotes, networks } of set.owners.values()) size += remotes.size + networks.size;
        expect(size).toBeLessThanOrEqual(max);
        const free = decide(situation(written(all)));
        const more = blockedPairs(set).difference(blockedPairs(free));
        expect([...more]).toEqual([]);
      }),
      { numRuns: 300, seed: 6 },
    );
  });
});

/** The laws of merging and splitting; each throws when it is broken. */
const laws = {
  /** P5: over any split, what was blocked before is blocked after. */
  P5(with_: Decide, base: readonly Record[], ties: readonly Record[]): void {
    const [policies, edges] = [written(base), written(ties, 's')];
    const before = blockedPairs(with_(situation([...policies, ...edges])));
    const after = blockedPairs(with_(situation(policies, edges)));
    subset(before, after, 'a split');
  },

  /** P6: over any merge, allows included, what was blocked before is blocked after. */
  P6(with_: Decide, base: readonly Record[], ties: readonly Record[]): void {
    const [policies, edges] = [written(base), written(ties, 's')];
    const before = blockedPairs(with_(situation(policies)));
    const after = blockedPairs(with_(situation([...policies, ...edges])));
    subset(before, after, 'a merge');
  },

  /** P7: lifting the blocks of one half after a split changes nothing for the other half, nor for any other block. */
  P7(with_: Decide, base: readonly Record[], ties: readonly Record[]): void {
    const [policies, edges] = [written(base), written(ties, 's')];
    const before = blockedPairs(with_(situation(policies, edges)));
    const sightings = new Sightings(situation([]));
    for (const thing of things) sightings.put('s', thing.id, described(thing));
    const classes = new Classes(edgesOf(policies, edges), sightings);
    const asked = classes.shown('d0');
    const lifts = policies.flatMap(({ id, record }) => {
      if (record.kind !== 'block') return [];
      const meant = (of: Subject) =>
        of.kind === 'device' && !classes.covered(of.id, record.apart).isDisjointFrom(asked)
          ? asked
          : undefined;
      const sides = { a: meant(record.a), b: meant(record.b) };
      return sides.a === undefined && sides.b === undefined
        ? []
        : [lift({ id, record }, sides, classes, (domain) => domain)];
    });
    const over = lifts.flatMap((one) => one.over);
    const add = lifts.flatMap((one) => one.add);
    const left = [...policies.filter(({ id }) => !over.includes(id)), ...written(add, 'z')];
    const after = blockedPairs(with_(situation(left, edges)));
    const others = [...before].filter(
      (pair) => ![...asked].some((id) => pair.startsWith(`${id} `) || touches(pair, id)),
    );
    subset(new Set(others), after, 'lifting one half');
    subset(after, before, 'lifting one half blocked more: nothing before');
  },
};

/** A pair whose far end is the device that was lifted goes with it. */
function touches(pair: string, id: string): boolean {
  const [, address = ''] = pair.split(' ');
  return things.some((thing) => thing.id === id && thing.addresses.includes(address));
}

function subset(x: ReadonlySet<string>, y: ReadonlySet<string>, what: string): void {
  const lost = [...x].filter((pair) => !y.has(pair));
  if (lost.length > 0) throw new Error(`${what} let through ${lost.join(', ')}`);
}

const ties = fc.array(same, { minLength: 1, maxLength: 3 });
const check = (law: keyof typeof laws, with_: Decide) =>
  fc.check(
    fc.property(records, ties, (base, edges) => laws[law](with_, base, edges)),
    { numRuns: 600, seed: 20_261_121 },
  );

describe('merging and splitting', () => {
  it.each(['P5', 'P6', 'P7'] as const)('%s holds', (law) => {
    const result = check(law, decide);
    expect(result.failed, fc.defaultReportMessage(result) ?? '').toBe(false);
  });

  /** A block gives up every retired edge, whether its author knew of that or not. */
  const ignoresApart: Decide = (of) =>
    decide({ ...of, edges: new Map([...(of.edges ?? [])].filter(([, { live }]) => live)) });

  /** An allow covers the class of what it names. */
  const widensAllows: Decide = (of) => {
    const ties = [...(of.edges ?? [])].flatMap(([, { record, live }]) =>
      live && record.kind === 'same' ? [record] : [],
    );
    const more = [...of.live].flatMap(({ id, record }) => {
      if (record.kind !== 'allow') return [];
      return ties.flatMap(({ x, y }) => {
        const swap = (subject: Subject): Subject =>
          'id' in subject && subject.id === x
            ? { ...subject, id: y }
            : 'id' in subject && subject.id === y
              ? { ...subject, id: x }
              : subject;
        return [{ id: `${id}w`, record: { ...record, a: swap(record.a), b: swap(record.b) } }];
      });
    });
    return decide({ ...of, live: [...of.live, ...more] });
  };

  it.each([
    ['`apart` ignored', ignoresApart, 'P5'],
    ['an allow widened by a merge', widensAllows, 'P6'],
  ] as const)('the laws catch %s', (_, mutant, law) => {
    expect(check(law, mutant).failed).toBe(true);
  });
});

/** A block set without the order of its parts. */
function plain(set: BlockSet): unknown {
  const map = (of: ReadonlyMap<string, readonly string[]>) =>
    [...of].map(([key, wanted]) => [key, [...wanted].sort()]).sort();
  return {
    owners: [...set.owners.values()]
      .map((owner) => ({
        id: owner.id,
        addresses: [...owner.addresses].sort(),
        macs: [...owner.macs].sort(),
        remotes: map(owner.remotes),
        networks: map(owner.networks),
        internet: owner.internet && [...owner.internet].sort(),
        lan: owner.lan && [...owner.lan].sort(),
        exceptions: map(owner.exceptions),
        exceptedNetworks: map(owner.exceptedNetworks),
      }))
      .sort((x, y) => (x.id < y.id ? -1 : 1)),
    everyone: map(set.everyone),
    known: [...set.known].sort(),
    spared: set.spared.map((one) => JSON.stringify(one)).sort(),
  };
}
