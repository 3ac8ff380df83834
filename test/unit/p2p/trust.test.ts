import { expect, it } from 'vitest';
import { generateKey } from '../../../src/p2p/keys.ts';
import { Trust } from '../../../src/p2p/trust.ts';
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

it('trusts its sponsors only until it knows itself as a member', () => {
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
  expect(trust.joining()).toBe(false);
  expect(trust.others()).toEqual([founder.key.peer, second.key.peer].sort());
});
