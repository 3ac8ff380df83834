import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chainsOf } from '../../../../src/local/enforce/chains.ts';
import { createLine } from '../../../../src/local/enforce/plan.ts';
import { compile } from '../../../../src/local/enforce/rulebook.ts';
import type { NodeId } from '../../../../src/policy/block-set.ts';
import { blockSet, owner } from './block-sets.ts';

// Copies of the texts of a small policy that were loaded into a real kernel; see test/fixtures/enforce/README.md.
const fixture = (name: string): string[] =>
  readFileSync(new URL(`../../../fixtures/enforce/${name}`, import.meta.url), 'utf8').split('\n');
const id = (text: string): NodeId => text.padStart(32, '0');

/** The fixture's policy without its wide subjects, exceptions and networks, which this rulebook does not have. */
const policy = blockSet(
  [
    owner('1', ['192.168.1.20', '2001:db8:1::20'], ['203.0.113.7'], ['02:aa:00:00:00:02']),
    owner('9', ['192.168.1.30'], ['203.0.113.7']),
  ],
  { everyone: ['198.18.0.1'], guard: ['192.168.1.1/32', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'] },
);
const slots = new Map([
  [id('1'), 1],
  [id('9'), 9],
]);
const WIDE = /hedge-(W|w0|a1|a9|n1|an1)-|HR-[XY]|H-4 (src|dst) -j DROP$/;

describe('compile', () => {
  test('gives the rules of the fixture, in their order', () => {
    const expected = fixture('filter.v4.rules').filter(
      (line) => line.startsWith('-A') && (!WIDE.test(line) || line.includes('hedge-E-4')),
    );
    const { shape } = compile(policy, slots, { wan: ['wan0'] });
    const chains = chainsOf(shape, 4);
    for (const [name, rules] of chains)
      expect(rules).toEqual(expected.filter((line) => line.startsWith(`-A ${name} `)));
    expect([...chains.values()].flat()).toHaveLength(expected.length);
  });

  test('gives the sets of the fixture', () => {
    const { sets } = compile(policy, slots, { wan: ['wan0'] });
    const lines = fixture('ipset.restore').filter(
      (line) => !WIDE.test(line) && !/t-(W|w0|a1|a9|n1|an1)-/.test(line),
    );
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

  test('an empty block set still has its root, so that the first block for everyone needs no rule', () => {
    const { sets, shape } = compile(blockSet([]), new Map(), { wan: ['wan0'] });
    expect([...chainsOf(shape, 6).keys()]).toEqual(['HEDGEROW', 'HR-O', 'HR-I']);
    expect(sets.has('hedge-E-6')).toBe(true);
  });

  test('no interface to the internet: no test of one; several: a chain per side', () => {
    const none = compile(policy, slots, { wan: [] });
    expect(chainsOf(none.shape, 4).get('HEDGEROW')).toEqual([
      '-A HEDGEROW -m set --match-set hedge-R-4 dst -j HR-O',
      '-A HEDGEROW -m set ! --match-set hedge-K-4 src -j HR-M',
      '-A HEDGEROW -m set --match-set hedge-R-4 src -j HR-I',
    ]);
    const chains = chainsOf(compile(policy, slots, { wan: ['wan1', 'wan0'] }).shape, 4);
    expect(chains.get('HEDGEROW')).toEqual(['-A HEDGEROW -j HR-From', '-A HEDGEROW -j HR-To']);
    expect(chains.get('HR-From')).toEqual([
      '-A HR-From -i wan0 -j RETURN',
      '-A HR-From -i wan1 -j RETURN',
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
    expect(rules.filter((rule) => rule.includes(' -g '))).toEqual([]);
  });

  test('a prefix of length 0 becomes two halves, what is no address is refused', () => {
    const { sets, refused } = compile(
      blockSet([owner('1', ['host.example', '192.168.1.20'], [])], {
        home: ['0.0.0.0/0', '::/0', '10.0.0.0/33'],
      }),
      slots,
      { wan: [] },
    );
    expect([...(sets.get('hedge-H-4')?.elements ?? [])]).toEqual(['0.0.0.0/1', '128.0.0.0/1']);
    expect([...(sets.get('hedge-H-6')?.elements ?? [])]).toEqual(['::/1', '8000::/1']);
    expect([...(sets.get('hedge-d1-4')?.elements ?? [])]).toEqual(['192.168.1.20']);
    expect(refused).toBe(3);
  });
});
