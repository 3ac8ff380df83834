import { expect, it } from 'vitest';
import { createCrypto, generateKey } from '../../../src/p2p/keys.ts';
import { Trust } from '../../../src/p2p/trust.ts';
import type { Record } from '../../../src/policy/records.ts';
import { Replica } from '../../../src/policy/replica.ts';
import { copy, House, type Router } from '../../p2p/house.ts';

function write({ key, replica }: Pick<Router, 'key' | 'replica'>, record: Record): void {
  replica.author(key, '0b'.repeat(16), { at: 1, by: 'test', over: [], add: [record] });
}

function evict(by: Pick<Router, 'key' | 'replica'>, peer: string): void {
  write(by, { kind: 'evict', peer, heads: [] });
}

it('trusts members, not the recovery key, not ourselves, not strangers', () => {
  const [a, b, c] = new House().routers(3);
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
  const trust = new Trust(a.key.peer, a.replica, []);
  expect(trust.joining()).toBe(false);
  expect(trust.others()).toEqual([b.key.peer, c.key.peer].sort());
  expect(trust.trusts(a.replica.genesis.recovery)).toBe(false);
  expect(trust.trusts(generateKey().peer)).toBe(false);
});

it('trusts its sponsors until its replica has heard of them', () => {
  const house = new House();
  const [founder, second] = house.routers(2);
  if (founder === undefined || second === undefined) throw new Error('no routers');
  const joiner = house.router();
  const other = generateKey().peer;
  const trust = new Trust(joiner.key.peer, joiner.replica, [second.key.peer, other]);
  expect(trust.joining()).toBe(true);
  expect(trust.others()).toEqual([founder.key.peer, second.key.peer, other].sort());
  house.admit(founder, joiner.key.peer);
  copy(founder.replica, joiner.replica);
  expect(trust.others()).toEqual([founder.key.peer, second.key.peer, other].sort());
  house.admit(founder, other);
  evict(founder, other);
  copy(founder.replica, joiner.replica);
  expect(trust.joining()).toBe(false);
  expect(trust.others()).toEqual([founder.key.peer, second.key.peer].sort());
});

it('trusts them again when the store of a founder was lost, which knows itself from the genesis', () => {
  const house = new House();
  const [founder, second] = house.routers(2);
  if (founder === undefined || second === undefined) throw new Error('no routers');
  const empty = new Replica({ genesis: founder.replica.genesis, crypto: createCrypto() });
  const trust = new Trust(founder.key.peer, empty, [second.key.peer]);
  expect(trust.joining()).toBe(true);
  expect(trust.others()).toEqual([second.key.peer]);
  copy(second.replica, empty);
  expect(trust.joining()).toBe(false);
  expect(trust.others()).toEqual([second.key.peer]);
});

it('trusts them also when the founder with the lost store has admitted somebody before it heard of them', () => {
  const house = new House();
  const [founder, second] = house.routers(2);
  if (founder === undefined || second === undefined) throw new Error('no routers');
  const alone = new Replica({ genesis: founder.replica.genesis, crypto: createCrypto() });
  const { peer } = generateKey();
  write({ key: founder.key, replica: alone }, { kind: 'admit', peer, admin: true });
  const trust = new Trust(founder.key.peer, alone, [second.key.peer]);
  expect(trust.others()).toEqual([peer, second.key.peer].sort());
});

it('does not trust a sponsor that it has evicted, also when nobody else is left', () => {
  const [founder, second] = new House().routers(2);
  if (founder === undefined || second === undefined) throw new Error('no routers');
  evict(founder, second.key.peer);
  expect(new Trust(founder.key.peer, founder.replica, [second.key.peer]).others()).toEqual([]);
});
