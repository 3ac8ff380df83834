import { describe, expect, it } from 'vitest';
import { type LeaveRequest, leave } from '../../../src/control/commands/leave.ts';
import { admitAll, blockOf, key, run } from '../../support/household.ts';
import { type FakeParts, fakeParts } from '../../support/parts.ts';
import { peerView } from '../../support/peer-view.ts';

const request = (more: Partial<LeaveRequest> = {}): LeaveRequest => ({
  by: 'anna',
  dryRun: false,
  confirm: true,
  alone: false,
  ...more,
});

/** Router 1 of a home of three with one block; the recovery key is on paper. */
function house(self = 1): FakeParts {
  const parts = fakeParts(key(self));
  admitAll(parts.replica, [1, 2]);
  parts.replica.author(key(2), run(20), { at: 5, by: 'test', over: [], add: [blockOf(1, 'ads.example')] });
  const { recoverySeed: _, ...file } = parts.files.own;
  parts.files.own = file;
  for (const other of [0, 1, 2])
    if (other !== self) parts.peers.set(key(other).peer, { state: 'alive', applied: true });
  return parts;
}

describe('leave', () => {
  it('says so, hears that the others know, and begins alone', async () => {
    const parts = house();
    const view = await leave(parts, request());
    expect(view).toMatchObject({ policies: 1, dryRun: false });
    expect(view.told).toHaveLength(2);
    expect(parts.replica.isMember(key(1).peer)).toBe(false);
    expect(parts.announced).toHaveLength(1);
    expect(parts.files.left).toBe(true);
  });

  it('asks first, and a dry run only tells', async () => {
    const parts = house();
    await expect(leave(parts, request({ confirm: false }))).rejects.toMatchObject({
      name: 'ConfirmationError',
      message: expect.stringContaining('stops enforcing'),
    });
    expect(await leave(parts, request({ confirm: false, dryRun: true }))).toMatchObject({
      told: [],
      policies: 1,
    });
    expect(parts.announced).toEqual([]);
    expect(parts.files.left).toBeUndefined();
  });

  it('does not go while nobody can be told, unless it goes alone', async () => {
    const parts = house();
    for (const peer of parts.peers.keys()) parts.peers.set(peer, { state: 'down', applied: false });
    await expect(leave(parts, request())).rejects.toMatchObject({
      name: 'TemporaryError',
      hint: expect.stringContaining('--alone'),
    });
    expect(parts.announced).toEqual([]);
    expect(await leave(parts, request({ alone: true }))).toMatchObject({ told: [] });
    expect(parts.files.left).toBe(true);
  });

  it('waits for an answer and does not go when none comes', async () => {
    const parts = house();
    for (const peer of parts.peers.keys()) parts.peers.set(peer, { state: 'alive', applied: false });
    const behind = [...parts.peers.keys()].map((peer) => peerView(peer, { digestEqual: false }));
    Object.assign(parts.network, { peers: () => behind });
    const going = leave(parts, request());
    const failed = expect(going).rejects.toMatchObject({
      message: expect.stringContaining('no other one has answered'),
    });
    await parts.clock.advance(10_000);
    await failed;
    expect(parts.files.left).toBeUndefined();
  });

  it('goes alone when it was evicted', async () => {
    const parts = house();
    parts.replica.author(key(0), run(1), {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'evict', peer: key(1).peer, heads: [] }],
    });
    await expect(leave(parts, request())).rejects.toMatchObject({ hint: expect.stringContaining('--alone') });
    await leave(parts, request({ alone: true }));
    expect(parts.files.left).toBe(true);
    expect(parts.announced).toEqual([]);
  });

  it('never takes the only recovery key or the only admin away', async () => {
    const holder = house(0);
    holder.files.own = fakeParts().files.own;
    await expect(leave(holder, request())).rejects.toMatchObject({
      hint: expect.stringContaining('home create'),
    });

    const parts = fakeParts(key(0));
    const { recoverySeed: _, ...file } = parts.files.own;
    parts.files.own = file;
    await expect(leave(parts, request())).rejects.toMatchObject({
      message: expect.stringContaining('no other'),
    });
    const add = [{ kind: 'admit', peer: key(3).peer, admin: false } as const];
    parts.replica.author(key(0), run(1), { at: 1, by: 'test', over: [], add });
    await expect(leave(parts, request())).rejects.toMatchObject({
      message: expect.stringContaining('only admin'),
    });
    expect(parts.files.left).toBeUndefined();
  });
});
