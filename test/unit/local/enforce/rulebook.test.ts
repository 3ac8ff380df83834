import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chainsOf } from '../../../../src/local/enforce/chains.ts';
import { createLine } from '../../../../src/local/enforce/plan.ts';
import { compile } from '../../../../src/local/enforce/rulebook.ts';
import type { NodeId } from '../../../../src/policy/block-set.ts';
import { blockSet, owner, type Wide } from './block-sets.ts';

// Copies of the texts of a small policy that were loaded into a real kernel; see test/fixtures/enforce/README.md.
const fixture = (name: string): string[] =>
  readFileSync(new URL(`../../../fixtures/enforce/${name}`, import.meta.url), 'utf8').split('\n');
const id = (text: string): NodeId => text.padStart(32, '0');

/** The fixture's policy: one device with everything, one with a pair. */
const policy = blockSet(
  [
    owner('1', ['192.168.1.20', '2001:db8:1::20'], ['203.0.113.7'], ['02:aa:00:00:00:02'], {
      networks: ['203.0.0.0/16'],
      internet: true,
      lan: true,
      exceptions: ['203.0.113.8'],
      exceptedNetworks: ['203.0.113.16/28'],
    }),
    owner('9', ['192.168.1.30'], ['203.0.113.7']),
  ],
  { everyone: ['198.18.0.1'], guard: ['192.168.1.1/32', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'] },
);
const slots = new Map([
  [id('1'), 1],
  [id('9'), 9],
]);
/** The fixture has a set of exceptions for the second device too, with nothing in it; here a kind not used is not there. */
const UNUSED = /(hedge|t)-a9-/;

describe('compile', () => {
  test('gives the rules of the fixture, in their order', () => {
    const expected = fixture('filter.v4.rules').filter((line) => line.startsWith('-A') && !UNUSED.test(line));
    const { shape } = compile(policy, slots, { wan: ['wan0'] });
    const chains = chainsOf(shape, 4);
    for (const [name, rules] of chains)
      expect(rules).toEqual(expected.filter((line) => line.startsWith(`-A ${name} `)));
    expect([...chains.values()].flat()).toHaveLength(expected.length);
  });

  test('gives the sets of the fixture', () => {
    const { sets } = compile(policy, slots, { wan: ['wan0'] });
    const lines = fixture('ipset.restore').filter((line) => !UNUSED.test(line));
    const creates = lines.flatMap((line) =>
      line.startsWith('create -exist') ? line.replace(' -exist', '') : [],
    );
    expect([...sets].map(([name, set]) => createLine(name, set)).sort()).toEqual(creates.sort());
    for (const [name, { elements }] of sets) {
      const adds = lines.flatMap((line) => {
        const [verb, set, element = ''] = line.split(' ');
        return verb === 'add' && set === name.replace('hedge-', 't-') ? element : [];
      });
      expect([...elements].map((one) => one.replace(/\/(32|128)$/, '')).sort()).toEqual(adds.sort());
    }
  });

  test('without a MAC nothing is looked up by MAC', () => {
    const { shape } = compile(blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'])]), slots, {
      wan: ['wan0'],
    });
    expect([...chainsOf(shape, 4).values()].flat().join('\n')).not.toMatch(/HR-M|hedge-K/);
  });

  test('chains are made once for a shape, and anew for another one', () => {
    const { shape } = compile(policy, slots, { wan: ['wan0'] });
    expect(chainsOf(shape, 4)).toBe(chainsOf(shape, 4));
    expect(chainsOf(shape, 6)).not.toEqual(chainsOf(shape, 4));
    const other = { ...shape, wan: ['wan1'] };
    expect(chainsOf(other, 4).get('HEDGEROW')?.[0]).toContain('! -i wan1 ');
    expect(chainsOf(shape, 4).get('HEDGEROW')?.[0]).toContain('! -i wan0 ');
  });

  test('an empty block set still has its root, so that the first block for everyone needs no rule', () => {
    const { sets, shape } = compile(blockSet([]), new Map(), { wan: ['wan0'] });
    expect([...chainsOf(shape, 6).keys()]).toEqual(['HEDGEROW', 'HR-O', 'HR-I']);
    expect(sets.has('hedge-E-6')).toBe(true);
  });

  test('no interface to the internet: no test of one; several: a chain per side', () => {
    const none = compile(policy, slots, { wan: [] });
    expect(chainsOf(none.shape, 4).get('HEDGEROW')).toEqual([
      '-A HEDGEROW -m set --match-set hedge-W-4 src -j HR-X',
      '-A HEDGEROW -m set --match-set hedge-R-4 dst -j HR-O',
      '-A HEDGEROW -m set ! --match-set hedge-K-4 src -j HR-M',
      '-A HEDGEROW -m set --match-set hedge-W-4 dst -j HR-Y',
      '-A HEDGEROW -m set --match-set hedge-R-4 src -j HR-I',
    ]);
    const chains = chainsOf(compile(policy, slots, { wan: ['wan1', 'wan0'] }).shape, 4);
    expect(chains.get('HEDGEROW')).toEqual(['-A HEDGEROW -j HR-From', '-A HEDGEROW -j HR-To']);
    expect(chains.get('HR-From')).toEqual([
      '-A HR-From -i wan0 -j RETURN',
      '-A HR-From -i wan1 -j RETURN',
      '-A HR-From -m set --match-set hedge-W-4 src -j HR-X',
      '-A HR-From -m set --match-set hedge-R-4 dst -j HR-O',
      '-A HR-From -m set ! --match-set hedge-K-4 src -j HR-M',
    ]);
    expect(chains.get('HR-To')?.at(-1)).toBe('-A HR-To -m set --match-set hedge-R-4 src -j HR-I');
  });

  test('owners that share an address are both asked', () => {
    const shared = blockSet([
      owner('1', ['192.168.1.20'], ['203.0.113.7']),
      owner('9', ['192.168.1.20'], ['203.0.113.8']),
    ]);
    const rules = [...chainsOf(compile(shared, slots, { wan: [] }).shape, 4).values()].flat();
    expect(rules.filter((rule) => rule.includes(' -g '))).toEqual([
      '-A HR-O -m set --match-set hedge-L-4 src -g HR-OL',
      '-A HR-I -m set --match-set hedge-L-4 dst -g HR-IL',
    ]);
  });

  test('what nobody uses is in no rule and costs no packet anything', () => {
    const rulesOf = (wide: Wide): string[] => {
      const one = owner('1', ['192.168.1.20'], ['203.0.113.7'], [], wide);
      return [...chainsOf(compile(blockSet([one]), slots, { wan: [] }).shape, 6).values()].flat();
    };
    const plain = rulesOf({});
    expect(plain.join('\n')).not.toMatch(/hedge-(W|w|a|n|an)\d*-6|HR-[XY]/);
    // An exception alone is found through R, where what it excepts is.
    expect(rulesOf({ exceptions: ['203.0.113.8'] })).toHaveLength(plain.length + 2);
    expect(rulesOf({ internet: true }).filter((rule) => !plain.includes(rule))).toEqual([
      '-A HEDGEROW -m set --match-set hedge-W-6 src -j HR-X',
      '-A HEDGEROW -m set --match-set hedge-W-6 dst -j HR-Y',
      '-A HR-X -m set --match-set hedge-U-6 dst -j RETURN',
      '-A HR-X -m set --match-set hedge-w0-6 src -g HR-X0',
      '-A HR-X0 -m set --match-set hedge-d1-6 src -g HR-Od1',
      '-A HR-Od1 -m set ! --match-set hedge-H-6 dst -j DROP',
      '-A HR-Y -m set --match-set hedge-U-6 src -j RETURN',
      '-A HR-Y -m set --match-set hedge-w0-6 dst -g HR-Y0',
      '-A HR-Y0 -m set --match-set hedge-d1-6 dst -g HR-Id1',
      '-A HR-Id1 -m set ! --match-set hedge-H-6 src -j DROP',
    ]);
  });

  test('what did not change is taken over from the last rulebook', () => {
    const first = compile(policy, slots, { wan: [] });
    const [one, nine] = [...policy.owners.values()];
    if (one === undefined || nine === undefined) throw new Error('two owners');
    const more = { ...nine, addresses: new Set([...nine.addresses, '192.168.1.31']) };
    const next = { ...policy, owners: new Map([one, more].map((owner) => [owner.id, owner])) };
    const { sets } = compile(next, slots, { wan: [], last: first });
    const same = [...sets].filter(([name, set]) => first.sets.get(name) === set).map(([name]) => name);
    expect([...sets.keys()].filter((name) => name.endsWith('-4') && !same.includes(name))).toEqual([
      'hedge-d9-4',
      'hedge-L-4',
      'hedge-g1-4',
    ]);
  });

  test('a prefix of length 0 becomes two halves, what is no address is refused', () => {
    const { sets, refused } = compile(
      blockSet([owner('1', ['host.example', '192.168.1.20'], [], [], { networks: ['0.0.0.0/0'] })], {
        home: ['0.0.0.0/0', '::/0', '10.0.0.0/33'],
      }),
      slots,
      { wan: [] },
    );
    expect([...(sets.get('hedge-H-4')?.elements ?? [])]).toEqual(['0.0.0.0/1', '128.0.0.0/1']);
    expect([...(sets.get('hedge-H-6')?.elements ?? [])]).toEqual(['::/1', '8000::/1']);
    expect([...(sets.get('hedge-n1-4')?.elements ?? [])]).toEqual(['0.0.0.0/1', '128.0.0.0/1']);
    expect([...(sets.get('hedge-d1-4')?.elements ?? [])]).toEqual(['192.168.1.20']);
    expect(refused).toBe(3);
  });
});
