import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bridged } from '../../../../src/local/enforce/bridged.ts';
import { Judge } from '../../../../src/local/enforce/judge.ts';
import type { Owner } from '../../../../src/policy/block-set.ts';
import { blockSet, owner } from './block-sets.ts';
import { aBlockSet } from './small-world.ts';

const TV = '192.168.1.20';
const home = ['192.168.1.0/24', '2001:db8:1::/56'];

test('what is about the internet is left out, what is about the home or a known device stays', () => {
  const near = ['192.168.1.30', '2001:db8:1::30', 'fd00:5::30'];
  const wide = {
    networks: ['203.0.113.0/24', '192.168.1.128/25', '0.0.0.0/0', 'fd00:5::/64'],
    exceptions: ['203.0.113.8', '192.168.1.40'],
    exceptedNetworks: ['198.51.100.0/24', '192.168.0.0/16'],
    internet: true,
    lan: true,
  };
  const tv = owner('1', [TV], ['203.0.113.7', ...near], ['02:aa:00:00:00:02'], wide);
  const set = blockSet([tv], { home, known: near, everyone: ['198.51.100.1', '192.168.1.50'] });
  const bridged = new Bridged().next(set);
  const kept = bridged.owners.get(tv.id);
  expect([...(kept?.remotes.keys() ?? [])]).toEqual(near);
  expect([...(kept?.networks.keys() ?? [])]).toEqual(['192.168.1.128/25', '0.0.0.0/0', 'fd00:5::/64']);
  expect([...(kept?.exceptions.keys() ?? [])]).toEqual(['192.168.1.40']);
  expect([...(kept?.exceptedNetworks.keys() ?? [])]).toEqual(['192.168.0.0/16']);
  expect(kept).toMatchObject({ id: tv.id, addresses: tv.addresses, macs: tv.macs });
  expect([kept?.internet, kept?.lan]).toEqual([tv.internet, tv.lan]);
  expect([...bridged.everyone.keys()]).toEqual(['192.168.1.50']);
  expect(bridged).toMatchObject({ home: set.home, guard: set.guard, known: set.known });
});

test('a change about the internet is none here: owners, and all of them together, stay the same objects', () => {
  const owners = (remotes: string[], rest: string[] = []) => [
    owner('1', [TV], remotes, ['02:aa:00:00:00:02'], { networks: ['203.0.113.0/24'], exceptions: rest }),
    owner('2', ['192.168.1.30'], ['192.168.1.20']),
  ];
  const bridged = new Bridged();
  const first = bridged.next(blockSet(owners(['203.0.113.7']), { home }));
  const [tv, other] = owners(['203.0.113.7', '203.0.113.8'], ['198.51.100.9']) as [Owner, Owner];
  const { owners: before } = first;
  const second = bridged.next(blockSet([{ ...tv, ...pick(before.get(tv.id)) }, other], { home }));
  expect(second.owners.get(tv.id)).toBe(before.get(tv.id));
  // With another address, or a remote that is near, it is another.
  const near = { ...tv, remotes: new Map([...tv.remotes, ['192.168.1.40', ['r/0']] as const]) };
  const third = bridged.next(blockSet([near, other], { home }));
  expect([...(third.owners.get(tv.id)?.remotes.keys() ?? [])]).toEqual(['192.168.1.40']);
  const moved = { ...near, addresses: new Set(['192.168.1.21']) };
  const fourth = bridged.next(blockSet([moved, other], { home }));
  expect([...(fourth.owners.get(tv.id)?.addresses ?? [])]).toEqual(['192.168.1.21']);
  const gone = bridged.next(blockSet([other], { home }));
  expect([...gone.owners.keys()]).toEqual([other.id]);
  const same = bridged.next({ ...blockSet([other], { home }), owners: new Map([[other.id, other]]) });
  expect(same.owners).toBe(gone.owners);
});

/** What a decision leaves the same objects. */
function pick(one: Owner | undefined): Partial<Owner> {
  return one === undefined ? {} : { addresses: one.addresses, macs: one.macs };
}

test('owners that did not change stay the same objects, until what is near moves', () => {
  const [tv, other] = [owner('1', [TV], ['192.168.1.30']), owner('2', ['192.168.1.30'], [TV])];
  const bridged = new Bridged();
  const first = bridged.next(blockSet([tv, other], { home }));
  const more = owner('1', [TV], ['192.168.1.30', '192.168.1.31']);
  // A new address inside the home moves nothing.
  const second = bridged.next(blockSet([more, other], { home, known: ['192.168.1.77'] }));
  expect(second.owners.get(other.id)).toBe(first.owners.get(other.id));
  expect(second.owners.get(tv.id)?.remotes.size).toBe(2);
  const outside = owner('1', [TV], ['10.9.9.9']);
  expect(bridged.next(blockSet([outside], { home })).owners.get(tv.id)?.remotes.size).toBe(0);
  const third = bridged.next(blockSet([outside], { home, known: ['10.9.9.9'] }));
  expect(third.owners.get(tv.id)?.remotes.size).toBe(1);
});

test('what is no address is left to the other table to tell of', () => {
  const bad = owner('1', [TV], ['ads.example', '192.168.1.30\n', '999.1.1.1'], [], {
    networks: ['192.168.1.0/240', 'x/8'],
  });
  const set = blockSet([bad], {
    home: [...home, 'fd00::/999', '', '0.0.0.0', '2001:db8:f::8'],
    known: ['x', '', 'fe80::1%eth0', '192.168.1.8/29', '10.0.0.0/8'],
  });
  const kept = new Bridged().next(set).owners.get(bad.id);
  expect([kept?.remotes.size, kept?.networks.size]).toEqual([0, 0]);
});

test('a home and known addresses of any rubbish fail nothing', () => {
  const rubbish = fc.array(
    fc.oneof(
      fc.string(),
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV4().map((one) => `${one}/24`),
    ),
  );
  fc.assert(
    fc.property(rubbish, rubbish, (wrongHome, wrongKnown) => {
      const pair = owner('1', [TV], ['192.168.1.30', ...wrongKnown], [], { networks: wrongHome });
      const rest = { home: [...home, ...wrongHome], known: wrongKnown, everyone: wrongKnown };
      const kept = new Bridged().next(blockSet([pair], rest)).owners.get(pair.id);
      expect(kept?.remotes.has('192.168.1.30')).toBe(true);
    }),
  );
});

test('between near ends it blocks what the whole set blocks', () => {
  fc.assert(
    fc.property(aBlockSet, (set) => {
      const [whole, part] = [new Judge(set), new Judge(new Bridged().next(set))];
      for (const source of set.known)
        for (const destination of set.known)
          expect(part.dropOf(source, destination)).toEqual(whole.dropOf(source, destination));
    }),
  );
});
