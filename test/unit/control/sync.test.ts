import { describe, expect, it } from 'vitest';
import { differenceText } from '../../../src/cli/verbs/sync.ts';
import { sync } from '../../../src/control/commands/sync.ts';
import type { EndedSession } from '../../../src/p2p/sync/sync-partner.ts';
import { admitAll, key } from '../../support/household.ts';
import { type FakeParts, fakeParts } from '../../support/parts.ts';

const session = (more: Partial<EndedSession>): EndedSession => ({
  at: 0,
  outcome: 'done',
  reason: undefined,
  opsIn: 3,
  opsHeld: 0,
  opsRefused: 0,
  opsOut: 5,
  registersIn: 1,
  registersOut: 2,
  bytesIn: 900,
  theirOps: 40,
  difference: [],
  ...more,
});

/** This router and two others: 1 is connected, 2 is away. */
function house(
  now: (peer: string, what: 'exchange' | 'compare') => Promise<EndedSession | undefined>,
): FakeParts {
  const parts = fakeParts();
  admitAll(parts.replica, [1, 2]);
  const network = {
    peers: () => [
      { peer: key(1).peer, state: 'alive', connections: 1, digestEqual: false },
      { peer: key(2).peer, state: 'down', connections: 0, digestEqual: undefined },
    ],
    exchanges: { last: (peer: string) => (peer === key(1).peer ? session({}) : undefined), now },
  };
  return Object.assign(parts, { network });
}

const never = () => Promise.reject(new Error('nobody asked for it'));

describe('sync', () => {
  it('tells what differs and what the newest exchange came to, without one', async () => {
    const parts = house(never);
    await parts.clock.advance(7_000);
    const [one, two] = await sync(parts, { force: false });
    expect(one).toMatchObject({
      peer: key(1).peer,
      inStep: false,
      changesHere: 2,
      changesThere: 40,
      exchange: { outcome: 'done', secondsAgo: 7, behind: 3, ahead: 5, registersIn: 1, registersOut: 2 },
    });
    expect(two).toMatchObject({ state: 'down', changesThere: undefined, exchange: undefined });
  });

  it('exchanges now when it is told to, with whom it can', async () => {
    const parts = house(async () => session({ outcome: 'equal', opsIn: 0, opsOut: 0 }));
    const [one, two] = await sync(parts, { force: true });
    expect(one).toMatchObject({
      inStep: true,
      changesThere: 2,
      exchange: { outcome: 'equal', secondsAgo: 0 },
    });
    expect(two?.exchange).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('reached') });
  });

  it('with one router only, by its name', async () => {
    const parts = house(async () => session({}));
    const rows = await sync(parts, { with: key(1).peer.slice(0, 8), force: true });
    expect(rows.map(({ peer }) => peer)).toEqual([key(1).peer]);
    await expect(sync(parts, { with: 'nobody', force: true })).rejects.toMatchObject({ name: 'UsageError' });
    await expect(sync(parts, { with: key(0).peer, force: true })).rejects.toMatchObject({
      name: 'UsageError',
    });
  });

  it('does not wait for ever', async () => {
    const parts = house(() => new Promise(() => undefined));
    const asked = sync(parts, { force: true });
    await parts.clock.advance(61_000);
    expect((await asked)[0]?.exchange).toMatchObject({ outcome: 'running' });
  });

  it('compares, and names by whom what is missing', async () => {
    const difference = [
      { author: key(1).peer, behind: 2, ahead: 0, registers: undefined },
      { author: key(2).peer, behind: 0, ahead: 1, registers: 'behind' as const },
    ];
    const asked: unknown[] = [];
    const parts = house(async (_, what) => {
      asked.push(what);
      return session({ outcome: 'compared', opsIn: 0, opsOut: 0, difference });
    });
    const [one, two] = await sync(parts, { force: false, compare: true });
    expect(asked).toEqual(['compare']);
    expect(one).toMatchObject({
      inStep: false,
      exchange: { outcome: 'compared' },
      difference: [
        { peer: key(1).peer, behind: 2, ahead: 0, registers: undefined },
        { peer: key(2).peer, behind: 0, ahead: 1, registers: 'there' },
      ],
    });
    expect(two).toMatchObject({ difference: undefined, exchange: { outcome: 'failed' } });
    if (one === undefined) throw new Error('no row');
    expect(differenceText(one)).toMatch(/^2 changes are missing here \(\w+ 2\); 1 change is missing there/);
    expect(differenceText(one)).toMatch(/what \w+ says of nodes is newer there$/);
    expect(differenceText({ ...one, difference: [] })).toBe('nothing differs');
  });

  it('tells when none could be begun', async () => {
    const parts = house(async () => undefined);
    expect((await sync(parts, { force: true }))[0]?.exchange).toMatchObject({ outcome: 'failed' });
  });
});
