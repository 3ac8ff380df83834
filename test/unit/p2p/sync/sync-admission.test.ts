import { expect, it } from 'vitest';
import { Admission } from '../../../../src/p2p/sync/sync-admission.ts';
import { Registers } from '../../../../src/policy/registers.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { admitAll, blockOf, crypto, deliver, key, replica, run } from '../../../support/household.ts';

it('an op of a router that was evicted is handed on, for people to be told, and is no fault of who brought it', async () => {
  const home = replica();
  admitAll(home, [1, 2]);
  const away = replica();
  deliver(home, away);
  const draft = { at: 1, by: 'test', over: [] };
  const unheard = Array.from({ length: 100 }, (_, n) =>
    away.author(key(2), run(2), { ...draft, add: [blockOf(n, 'unheard.example')] }),
  );
  home.author(key(0), run(1), { ...draft, add: [{ kind: 'evict', peer: key(2).peer, heads: [] }] });
  const registers = new Registers({ home: home.home, crypto, isMember: (peer) => home.isMember(peer) });
  const cut: Uint8Array[] = [];
  const admission = new Admission(home, registers, new FakeClock(), new AbortController().signal, {
    peer: key(1).peer,
    charge: () => false,
    cut: (envelope) => void cut.push(envelope),
  });
  await admission.ops(unheard.map(({ envelope }) => envelope));
  expect(cut).toEqual(unheard.map(({ envelope }) => envelope));
  expect(admission.count).toMatchObject({ opsIn: 0, opsRefused: 100 });
});
