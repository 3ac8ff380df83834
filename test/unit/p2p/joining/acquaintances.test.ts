import { expect, it } from 'vitest';
import { withAcquaintances } from '../../../../src/p2p/joining/acquaintances.ts';
import { Registers } from '../../../../src/policy/registers.ts';
import type { Replica } from '../../../../src/policy/replica.ts';
import type { HomeFile } from '../../../../src/store/home-file.ts';
import { admitAll, crypto, genesis, key, replica } from '../../../support/household.ts';

const peers = (...numbers: number[]) => numbers.map((n) => key(n).peer).sort();
const file = (...sponsors: number[]): HomeFile => ({
  genesis,
  psk: '',
  sponsors: peers(...sponsors),
  bootstrap: [],
});

function remembered(home: HomeFile, of: Replica): string[] {
  const registers = new Registers({ home: of.home, crypto, isMember: () => true });
  return [...withAcquaintances(home, of, registers, key(0).peer).sponsors].sort();
}

it('remembers the members of now', () => {
  const home = replica();
  admitAll(home, [1, 2]);
  expect(remembered(file(), home)).toEqual(peers(1, 2));
  home.author(key(0), '0d'.repeat(16), {
    at: 1,
    by: 'test',
    over: [],
    add: [{ kind: 'evict', peer: key(2).peer, heads: [] }],
  });
  expect(remembered(file(1, 2), home)).toEqual(peers(1));
});

it('keeps whom the replica has not heard of: the store was lost, and somebody new came before the others', () => {
  const home = replica();
  expect(remembered(file(1, 2), home)).toEqual(peers(1, 2));
  admitAll(home, [3]);
  expect(remembered(file(1, 2), home)).toEqual(peers(1, 2, 3));
});
