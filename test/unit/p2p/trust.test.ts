import { expect, it } from 'vitest';
import { createCrypto, generateKey } from '../../../src/p2p/keys.ts';
import { Trust } from '../../../src/p2p/trust.ts';
import { Replica } from '../../../src/policy/replica.ts';
import { copy, House } from '../../p2p/house.ts';

it('trusts members, not the recovery key, not ourselves, not strangers', () => {
  const [a, b, c] = new House().routers(3);
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
  const trust = new Trust(a.key.peer, a.replica, [generateKey().peer]);
  expect(trust.joining()).toBe(false);
  expect(trust.others()).toEqual([b.key.peer, c.key.peer].sort());
  expect(trust.trusts(a.replica.genesis.recovery)).toBe(false);
  expect(trust.trusts(generateKey().peer)).toBe(false);
});

it('trusts its sponsors only until it was told who is a member, and is one', () => {
  const house = new House();
  const [founder, second] = house.routers(2);
  if (founder === undefined || second === undefined) throw new Error('no routers');
  const joiner = house.router();
  const other = generateKey().peer;
  const trust = new Trust(joiner.key.peer, joiner.replica, [second.key.peer, other]);
  expect(trust.joining()).toBe(true);
  expect(trust.others()).toEqual([founder.key.peer, second.key.peer, other].sort());
  house.admit(founder, joiner.key.peer);
  trust.told();
  expect(trust.joining()).toBe(true);
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
  trust.told();
  expect(trust.joining()).toBe(false);
  expect(trust.others()).toEqual([second.key.peer]);
});
