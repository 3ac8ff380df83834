import { describe, expect, it } from 'vitest';
import { evict } from '../../../src/control/commands/evict.ts';
import { homeView } from '../../../src/control/views/home.ts';
import type { Record } from '../../../src/policy/records.ts';
import type { Replica } from '../../../src/policy/replica.ts';
import { blockOf, deliver, key, run } from '../../support/household.ts';
import { type FakeParts, fakeParts } from '../../support/parts.ts';

const request = { by: 'anna', wait: true, dryRun: false, confirm: true };

/** A home of the founder and router 2, which has written a block that the founder knows, and one that nobody has heard. */
function house(admin: boolean) {
  const home = fakeParts();
  home.replica.author(key(0), run(1), {
    ...{ at: 1, by: 'anna', over: [] },
    add: [{ kind: 'admit', peer: key(2).peer, admin }],
  });
  const away = fakeParts(key(2));
  both(home.replica, away.replica);
  const known = write(away.replica, [blockOf(1, 'known.example')]);
  both(home.replica, away.replica);
  const unheard = write(away.replica, [blockOf(2, 'unheard.example')], [`${known.id}/0`]);
  return { home, away, unheard };
}

function write(of: Replica, add: readonly Record[], over: readonly string[] = []) {
  return of.author(key(2), run(20), { at: Date.UTC(2026, 0, 2), by: 'ada', over, add });
}

function both(one: Replica, other: Replica): void {
  for (let round = 0; round < 2; round++) {
    deliver(one, other);
    deliver(other, one);
  }
}

const told = (parts: FakeParts) => homeView(parts).notTaken;
const UNHEARD = {
  by: 'ada',
  at: '2026-01-02T00:00:00.000Z',
  made: [expect.stringContaining('unheard.example')],
  replaced: [expect.stringContaining('known.example')],
};

describe('what an evicted router had told nobody', () => {
  it('is told to whoever is at that router, once it has heard of the eviction', async () => {
    const { home, away, unheard } = house(true);
    await evict(home, { ...request, router: key(2).peer });
    expect(told(away)).toEqual([]);
    deliver(home.replica, away.replica);
    expect(away.replica.live.has(`${unheard.id}/0`)).toBe(false);
    expect(told(away)).toEqual([{ id: unheard.id, router: key(2).peer.slice(0, 8), ...UNHEARD }]);
    expect(homeView(away)).toMatchObject({
      notTakenInAll: 1,
      gone: expect.stringContaining('1 change of this router was not taken (hedgerow home tells)'),
    });
    expect(told(home)).toEqual([]);
  });

  it.each([
    ['an admin', true],
    ['no admin', false],
  ])('is told in the home when another router passes on a change of %s', async (_, admin) => {
    const { home, unheard } = house(admin);
    await evict(home, { ...request, router: key(2).peer });
    const kept = home.replica.digest;
    expect(home.replica.admit(unheard.envelope).verdict).toBe('cut');
    // As sync does with what is cut.
    for (let n = 0; n < 3; n++) home.notTaken.late(unheard.envelope);
    expect(told(home)).toEqual([expect.objectContaining({ id: unheard.id, ...UNHEARD })]);
    expect(home.replica.digest).toBe(kept);
  });

  it('is told in a bounded number, and rubbish is not', async () => {
    const { home, away } = house(false);
    await evict(home, { ...request, router: key(2).peer });
    for (let n = 0; n < 150; n++)
      home.notTaken.late(write(away.replica, [blockOf(n, 'late.example')]).envelope);
    home.notTaken.late(new Uint8Array(50));
    expect(homeView(home)).toMatchObject({ notTakenInAll: 100, notTaken: { length: 20 } });
  });

  it('is warned of when a router is evicted that is away, and not when it is in step', async () => {
    const { home } = house(true);
    const warned = async () => {
      const { notes } = await evict(home, { ...request, router: key(2).peer, dryRun: true });
      return notes.some((note) => note.includes('told nobody is not taken'));
    };
    home.peers.set(key(2).peer, { state: 'down', applied: false });
    expect(await warned()).toBe(true);
    home.peers.set(key(2).peer, { state: 'alive', applied: true });
    expect(await warned()).toBe(false);
  });
});

it('nothing is said to be not taken in a home where nobody was evicted', () => {
  const { home, away } = house(true);
  expect([home, away].map((parts) => homeView(parts).notTakenInAll)).toEqual([0, 0]);
});
