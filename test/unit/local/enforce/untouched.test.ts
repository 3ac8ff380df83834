import { expect, test } from 'vitest';
import { Bridged } from '../../../../src/local/enforce/bridged.ts';
import * as nft from '../../../../src/local/enforce/nft/compile.ts';
import { diff as nftDiff } from '../../../../src/local/enforce/nft/plan.ts';
import { diff } from '../../../../src/local/enforce/plan.ts';
import { compile } from '../../../../src/local/enforce/rulebook.ts';
import { assignSlots } from '../../../../src/local/enforce/slots.ts';
import { withSpares } from '../../../../src/local/enforce/spares.ts';
import type { BlockSet, Owner } from '../../../../src/policy/block-set.ts';
import { blockSet, owner } from './block-sets.ts';

/** Entries that count how often somebody goes through them. */
class Watched extends Map<string, readonly string[]> {
  static walks = 0;

  override keys(): MapIterator<string> {
    Watched.walks += 1;
    return super.keys();
  }

  override [Symbol.iterator](): MapIterator<[string, readonly string[]]> {
    Watched.walks += 1;
    return super[Symbol.iterator]();
  }
}

const OWNERS = 12;
const id = (n: number): string => `${n}`.padStart(32, '0');
const watched = (n: number): Owner => {
  const one = owner(`${n}`, [`192.168.1.${n + 20}`, `2001:db8:1::${n + 20}`], [], ['02:aa:00:00:00:02']);
  const remotes = [`203.0.113.${n}`, '198.51.100.1', `2001:db8:2::${n + 1}`];
  return { ...one, remotes: new Watched(remotes.map((remote) => [remote, ['r/0']])) };
};
const many = blockSet(Array.from({ length: OWNERS }, (_, n) => watched(n)));

/** The same with one remote more of the first owner. */
function more({ owners, ...rest }: BlockSet): BlockSet {
  const [first] = owners.values();
  if (first === undefined) throw new Error('an owner');
  const remotes = new Map([...first.remotes, ['203.0.113.200', ['r/1']] as const]);
  return { ...rest, owners: new Map(owners).set(first.id, { ...first, remotes }) };
}

test('ipset: one address more does not look at the other owners, and no set of theirs is another', () => {
  const slots = assignSlots(new Map(), many.owners.keys());
  const first = withSpares(compile(many, slots, { wan: ['wan0'] }), undefined);
  const want = more(many);
  Watched.walks = 0;
  const next = compile(want, slots, { wan: ['wan0'], last: first });
  const { steps, reached } = diff(first, withSpares(next, first));
  expect(Watched.walks).toBe(0);
  expect(steps).toEqual([
    { kind: 'sets', lines: ['add hedge-r0-4 203.0.113.200', 'add hedge-R-4 203.0.113.200'] },
  ]);
  const others = [...next.sets].filter(([name, set]) => first.sets.get(name) !== set).map(([name]) => name);
  expect(others.sort()).toEqual(['hedge-R-4', 'hedge-r0-4']);
  expect(reached.shape).toBe(first.shape);

  const back = compile(many, slots, { wan: ['wan0'], last: reached });
  const lines = diff(reached, back).steps.flatMap((step) => (step.kind === 'sets' ? step.lines : []));
  expect(lines).toEqual(['del hedge-R-4 203.0.113.200', 'del hedge-r0-4 203.0.113.200']);
});

test('ipset: an owner in the slot of another is looked at', () => {
  const first = compile(blockSet([watched(1)]), new Map([[id(1), 0]]), { wan: [] });
  const { sets } = compile(blockSet([watched(2)]), new Map([[id(2), 0]]), { wan: [], last: first });
  expect([...(sets.get('hedge-r0-4')?.elements ?? [])].sort()).toEqual(['198.51.100.1', '203.0.113.2']);
  expect([...(sets.get('hedge-R-4')?.elements ?? [])].sort()).toEqual(['198.51.100.1', '203.0.113.2']);
  expect([...(sets.get('hedge-L-4')?.elements ?? [])]).toEqual(['192.168.1.22']);
});

test('nftables: one address more does not look at the other owners, and no set without it is another', () => {
  const first = nft.compile(many, { wan: ['wan0'] });
  const want = more(many);
  Watched.walks = 0;
  const next = nft.compile(want, { wan: ['wan0'], last: first });
  const { steps } = nftDiff(first.table, next.table);
  expect(Watched.walks).toBe(0);
  const { chains, sets } = next.table;
  expect(chains).toBe(first.table.chains);
  const others = [...sets].filter(([name, set]) => first.table.sets.get(name) !== set).map(([name]) => name);
  expect(others.sort()).toEqual(['p4', 'pm4', 'r4']);
  expect(steps?.flat().sort()).toEqual([
    'add element inet hedgerow p4 { 192.168.1.20 . 203.0.113.200 }',
    'add element inet hedgerow pm4 { 02:aa:00:00:00:02 . 203.0.113.200 }',
    'add element inet hedgerow r4 { 203.0.113.200 }',
  ]);
});

test('the table for bridges: a change about the internet gives the very table that is there', () => {
  const bridged = new Bridged();
  const options = { wan: [], of: 'bridged' } as const;
  const first = nft.compile(bridged.next(many), options);
  const next = nft.compile(bridged.next(more(many)), { ...options, last: first });
  expect(next).toBe(first);
  expect(nftDiff(first.table, next.table).steps).toEqual([]);
  // One within the home is not the internet.
  const near = { ...watched(0), remotes: new Map([['192.168.1.99', ['r/0']]]) };
  const other = bridged.next({ ...many, owners: new Map(many.owners).set(near.id, near) });
  const { table } = nft.compile(other, { ...options, last: first });
  expect([...(table.sets.get('p4')?.parts.values() ?? [])].flatMap((part) => [...part])).toEqual([
    '192.168.1.20 . 192.168.1.99',
  ]);
});

test.each(['everyone', 'home', 'guard', 'known', 'owners'] as const)(
  'another object for %s is another table',
  (key) => {
    const first = nft.compile(many, { wan: [] });
    const empty = { ...blockSet([]), home: new Set<string>(), guard: new Set<string>() };
    const want = { ...many, [key]: key === 'everyone' ? new Map([['203.0.113.66', ['r/0']]]) : empty[key] };
    const [made, anew] = [nft.compile(want, { wan: [], last: first }), nft.compile(want, { wan: [] })];
    const held = ({ table }: nft.Compiled) =>
      [...table.sets].map(([name, { parts }]) => [
        name,
        [...parts.values()].flatMap((one) => [...one]).sort(),
      ]);
    expect(new Map(held(made) as never)).toEqual(new Map(held(anew) as never));
    expect(held(made)).not.toEqual(held(first));
    expect(made.table.chains).toEqual(anew.table.chains);
  },
);
