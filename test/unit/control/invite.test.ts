import { describe, expect, it } from 'vitest';
import { admitGuest, invite, withdraw } from '../../../src/control/commands/invite.ts';
import { join } from '../../../src/control/commands/join.ts';
import { homeView } from '../../../src/control/views/home.ts';
import { decodeToken, encodeToken, type InvitationToken } from '../../../src/p2p/joining/invitation-token.ts';
import { joinProof } from '../../../src/p2p/joining/join-wire.ts';
import { keyFromSeed } from '../../../src/p2p/keys.ts';
import { homeIdOf } from '../../../src/policy/genesis.ts';
import { admitAll, blockOf, crypto, deliver, genesis, key, run } from '../../support/household.ts';
import { type FakeParts, fakeParts } from '../../support/parts.ts';

const request = { by: 'anna', admin: true, for: '1h' };
const HOUR = 3_600_000;

async function token(parts: FakeParts, more: Partial<typeof request> = {}): Promise<InvitationToken> {
  const view = await invite(parts, { ...request, ...more });
  const decoded = decodeToken(view.token);
  if (!decoded.ok) throw new Error(decoded.why);
  return decoded.value;
}

const guestOf = ({ seed }: InvitationToken) => keyFromSeed(seed).peer;

/** What router `n` asks with a token. */
function asks(parts: FakeParts, one: InvitationToken, n = 9) {
  const { home } = parts.replica;
  const proof = key(n).sign(joinProof(home, guestOf(one), parts.key.peer));
  return admitGuest(parts, guestOf(one), { version: 1, home, peer: key(n).peer, proof });
}

const withdrawing = (more: { all?: boolean; dryRun?: boolean } = {}) => ({
  by: 'anna',
  all: false,
  dryRun: false,
  ...more,
});

/** Two admins of one home that have heard the same so far. */
function two(): [FakeParts, FakeParts] {
  const [a, b] = [fakeParts(key(0)), fakeParts(key(1))];
  admitAll(a.replica, [1]);
  meet(a, b);
  return [a, b];
}

function meet(a: FakeParts, b: FakeParts): void {
  for (let round = 0; round < 3; round++)
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const)
      deliver(x.replica, y.replica);
}

describe('invite', () => {
  it('makes a token with all that a router needs, and no key of a member', async () => {
    const parts = fakeParts();
    Object.assign(parts.network, {
      addresses: () => ['/ip4/127.0.0.1/tcp/4411', '/ip4/198.51.100.11/tcp/4411'],
    });
    const one = await token(parts);
    expect(one).toMatchObject({ home: parts.replica.home, psk: 'ab'.repeat(32) });
    expect(one.admins).toEqual([{ peer: key(0).peer, addresses: ['/ip4/198.51.100.11/tcp/4411'] }]);
    expect(one.until).toBe(parts.clock.now() + HOUR);
    const [op] = parts.replica.recent(1);
    expect(op?.add).toEqual([{ kind: 'invite', key: guestOf(one), admin: true, until: one.until }]);
    expect(op?.by).toBe('anna');
    expect(parts.announced).toHaveLength(1);
  });

  it('names other admins that can be found, those that are alive first, and fits a terminal as a QR code', async () => {
    const parts = fakeParts();
    admitAll(parts.replica, [1, 2, 3, 4, 5]);
    for (const n of [1, 2, 3, 4, 5]) {
      const listens = [
        `/ip4/198.51.100.${n}/tcp/4411`,
        `/ip6/fd00::${n}/tcp/4411`,
        `/ip4/203.0.113.${n}/tcp/4411`,
      ];
      const card = { name: `r${n}`, prefixes: [], listens, macs: [] };
      parts.registers.author(key(n), { gen: 1, rev: 1 }, undefined, card);
    }
    parts.replica.author(key(0), run(1), {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'admit', peer: key(6).peer, admin: false }],
    });
    parts.peers.set(key(4).peer, { state: 'alive', applied: true });
    const view = await invite(parts, request);
    const decoded = decodeToken(view.token);
    const admins = decoded.ok ? decoded.value.admins : [];
    expect(admins.map(({ peer }) => peer).slice(0, 2)).toEqual([key(0).peer, key(4).peer]);
    expect(admins).toHaveLength(4);
    expect(admins.slice(1).every(({ addresses }) => addresses.length === 2)).toBe(true);
    expect(view.routers.slice(0, 2)).toEqual([key(0).peer.slice(0, 8), 'r4']);
    const { renderUnicodeCompact } = await import('uqr');
    expect(renderUnicodeCompact(view.token).split('\n')[0]?.length).toBeLessThanOrEqual(80);
  });

  it('admits who comes with it, names the invitation, and is used then', async () => {
    const parts = fakeParts();
    const one = await token(parts, { admin: false });
    expect(await asks(parts, one)).toMatchObject({ kind: 'admitted', genesis, sponsors: [key(0).peer] });
    expect(parts.replica.member(key(9).peer)).toMatchObject({ admin: false, invites: [guestOf(one)] });
    const [op] = parts.replica.recent(1);
    expect(op).toMatchObject({ by: 'anna', add: [{ kind: 'admit', invite: guestOf(one) }] });
    expect(parts.replica.openInvitations()).toEqual([]);
    expect(await asks(parts, one, 5)).toMatchObject({ kind: 'refused', elsewhere: false });
    expect(parts.replica.size).toBe(2);
  });

  it('tells the same router again that it was admitted, as long as its time lasts, and nobody else', async () => {
    const parts = fakeParts();
    const one = await token(parts);
    const first = await asks(parts, one);
    expect(await asks(parts, one)).toEqual(first);
    expect(await asks(parts, one, 5)).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('used'),
    });
    expect(parts.replica.size).toBe(2);
    await parts.clock.advance(HOUR);
    expect(parts.invitations.find(guestOf(one))).toBeUndefined();
  });

  it('ends by the monotonic clock where it was made, whatever the wall clock says', async () => {
    const parts = fakeParts();
    const one = await token(parts);
    parts.clock.setWall(0);
    parts.time.trusted = false;
    await parts.clock.advance(HOUR - 1_000);
    expect(parts.invitations.find(guestOf(one))).toMatchObject({ kind: 'open', sure: true });
    await parts.clock.advance(2_000);
    expect(parts.invitations.find(guestOf(one))).toBeUndefined();
    expect(await asks(parts, one)).toMatchObject({ kind: 'refused' });
  });

  it('is withdrawn with all others of this router, or of the home', async () => {
    const [a, b] = two();
    const [own, others] = [[await token(a), await token(a)], await token(b)];
    meet(a, b);
    expect(await withdraw(a, withdrawing({ dryRun: true }))).toEqual({ withdrawn: 2, dryRun: true });
    expect(await withdraw(a, withdrawing())).toEqual({ withdrawn: 2, dryRun: false });
    for (const one of own) expect(await asks(a, one)).toMatchObject({ kind: 'refused' });
    expect(a.invitations.find(guestOf(others))).toBeDefined();
    expect(await withdraw(a, withdrawing({ all: true }))).toMatchObject({ withdrawn: 1 });
    meet(a, b);
    expect(await asks(b, others)).toMatchObject({ kind: 'refused' });
    expect(await withdraw(a, withdrawing({ all: true }))).toMatchObject({ withdrawn: 0 });
  });

  it('has a bound of how many are open, and of how long; those that have ended make room', async () => {
    const parts = fakeParts();
    for (let n = 0; n < 32; n++) await token(parts);
    await expect(token(parts)).rejects.toMatchObject({ name: 'TemporaryError' });
    await expect(token(fakeParts(), { for: '8d' })).rejects.toMatchObject({ name: 'UsageError' });
    await parts.clock.advance(HOUR + 1_000);
    await token(parts);
    expect(parts.replica.openInvitations()).toHaveLength(1);
  });

  it('is for admins, and a dry run writes nothing', async () => {
    const parts = fakeParts(key(4));
    const add = [{ kind: 'admit', peer: key(4).peer, admin: false } as const];
    parts.replica.author(key(0), run(1), { at: 1, by: 'test', over: [], add });
    await expect(invite(parts, request)).rejects.toMatchObject({ name: 'UsageError' });
    await expect(withdraw(parts, withdrawing())).rejects.toMatchObject({ name: 'UsageError' });
    const admin = fakeParts();
    expect(await invite(admin, { ...request, dryRun: true })).toMatchObject({ token: '' });
    expect(admin.replica.size).toBe(0);
  });

  it('writes nothing for a member, and is not used by a refusal', async () => {
    const parts = fakeParts();
    admitAll(parts.replica, [9]);
    const one = await token(parts);
    const other = { version: 1, home: 'ff'.repeat(32), peer: key(5).peer, proof: new Uint8Array(64) };
    expect(await admitGuest(parts, guestOf(one), other)).toMatchObject({ kind: 'refused' });
    expect(await asks(parts, one)).toMatchObject({ kind: 'admitted' });
    expect(parts.replica.size).toBe(2);
  });
});

describe('an invitation at another admin than its maker', () => {
  it('admits, and the home knows by which one', async () => {
    const [a, b] = two();
    const one = await token(a);
    meet(a, b);
    expect(await asks(b, one)).toMatchObject({ kind: 'admitted' });
    meet(a, b);
    expect(a.replica.member(key(9).peer)).toMatchObject({ depth: 2, invites: [guestOf(one)] });
    expect(await asks(a, one, 5)).toMatchObject({ kind: 'refused', why: expect.stringContaining('used') });
    // And its maker answers it again when the answer was lost.
    expect(await asks(a, one)).toMatchObject({ kind: 'admitted' });
  });

  it('is not known there before the op has come', async () => {
    const [a, b] = two();
    const one = await token(a);
    expect(b.invitations.find(guestOf(one))).toBeUndefined();
  });

  it('is refused without a trusted clock, with the name of whom to ask', async () => {
    const [a, b] = two();
    const one = await token(a);
    meet(a, b);
    b.time.trusted = false;
    const inviter = key(0).peer.slice(0, 8);
    expect(await asks(b, one)).toMatchObject({
      kind: 'refused',
      elsewhere: true,
      why: expect.stringContaining(inviter),
    });
    expect(await asks(a, one)).toMatchObject({ kind: 'admitted' });
  });

  it('ends by the wall clock', async () => {
    const [a, b] = two();
    const one = await token(a);
    meet(a, b);
    b.clock.setWall(one.until - 1);
    expect(b.invitations.find(guestOf(one))).toMatchObject({ sure: true });
    b.clock.setWall(one.until);
    expect(b.invitations.find(guestOf(one))).toBeUndefined();
  });

  it('has no end in it when its maker does not know the time: then that one alone admits, in this run', async () => {
    const [a, b] = two();
    a.time.trusted = false;
    const view = await invite(a, request);
    expect(view.lasting).toBe(false);
    expect(view.routers).toHaveLength(1);
    const decoded = decodeToken(view.token);
    if (!decoded.ok) throw new Error(decoded.why);
    meet(a, b);
    expect(await asks(b, decoded.value)).toMatchObject({ kind: 'refused', elsewhere: true });
    expect(await asks(a, decoded.value)).toMatchObject({ kind: 'admitted' });
  });

  it('is void once its maker was evicted or has left, and of one that is no admin', async () => {
    const [a, b] = two();
    const one = await token(b);
    meet(a, b);
    const heads = a.replica
      .heads([key(1).peer])
      .flatMap((actor) => actor.heads.map((head) => ({ run: actor.run, ...head })));
    const add = [{ kind: 'evict', peer: key(1).peer, heads } as const];
    a.replica.author(key(0), run(5), { at: 1, by: 'test', over: [], add });
    expect([...a.replica.live.values()].some(({ record }) => record.kind === 'invite')).toBe(true);
    expect(a.invitations.find(guestOf(one))).toBeUndefined();
    expect(await asks(a, one)).toMatchObject({ kind: 'refused' });

    const [c] = two();
    c.replica.author(key(0), run(5), {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'admit', peer: key(3).peer, admin: false }],
    });
    const mine = key(7).peer;
    const forged = [{ kind: 'invite', key: mine, admin: true, until: c.clock.now() + HOUR } as const];
    c.replica.author(key(3), run(6), { at: 1, by: 'mallory', over: [], add: forged });
    expect(c.invitations.find(mine)).toBeUndefined();
  });

  it('cleared away: what has ended, of others a day later', async () => {
    const [a, b] = two();
    await token(a);
    meet(a, b);
    await b.clock.advance(HOUR + 1);
    await token(b);
    expect(b.replica.openInvitations()).toHaveLength(2);
    await b.clock.advance(86_400_000 + 1);
    await token(b);
    expect(b.replica.openInvitations().map(({ author }) => author)).toEqual([key(1).peer]);
  });
});

it('two admissions by one token in a partition both stand and are flagged, until one is evicted', async () => {
  const [a, b] = two();
  const one = await token(a);
  meet(a, b);
  expect(await asks(a, one, 9)).toMatchObject({ kind: 'admitted' });
  expect(await asks(b, one, 8)).toMatchObject({ kind: 'admitted' });
  const flagged = (parts: FakeParts) =>
    homeView(parts).members.flatMap(({ peer, sharedInvitation }) => (sharedInvitation ? [peer] : []));
  expect(flagged(a)).toEqual([]);
  meet(a, b);
  expect(a.replica.digest).toBe(b.replica.digest);
  for (const parts of [a, b]) expect(flagged(parts).sort()).toEqual([key(8).peer, key(9).peer].sort());
  expect([8, 9].every((n) => a.replica.isMember(key(n).peer))).toBe(true);
  const add = [{ kind: 'evict', peer: key(8).peer, heads: [] } as const];
  a.replica.author(key(0), run(5), { at: 1, by: 'test', over: [], add });
  expect(flagged(a)).toEqual([]);
});

describe('join', () => {
  it('is nothing to do in the home that it is in', async () => {
    const { token: text } = await invite(fakeParts(key(0)), request);
    const view = await join(fakeParts(), { token: text, dropPolicies: false });
    expect(view).toEqual({ id: homeIdOf(genesis, crypto), changed: false });
  });

  it.each(['', 'hedgerow-invite2.', 'hedgerow1.AAAA', 'hedgerow-invite2.AAAA', 'hedgerow-invite1.AAAA'])(
    'refuses %j',
    async (text) => {
      await expect(join(fakeParts(), { token: text, dropPolicies: false })).rejects.toMatchObject({
        name: 'DataError',
      });
    },
  );

  it('takes the other home in the place of ours once it was let in, and keeps policies unless told', async () => {
    const parts = fakeParts();
    const other = { ...genesis, nonce: '22'.repeat(16) };
    const home = homeIdOf(other, crypto);
    const addresses = ['/ip4/198.51.100.7/tcp/4411'];
    const text = encodeToken({
      home,
      psk: 'cd'.repeat(32),
      seed: key(9).seed,
      until: 5,
      admins: [{ peer: key(8).peer, addresses }],
    });
    await expect(join(parts, { token: text, dropPolicies: false })).rejects.toMatchObject({
      name: 'TemporaryError',
    });
    expect(parts.files.replacedBy).toBeUndefined();
    const sponsors = [key(8).peer];
    Object.assign(parts, {
      knock: async () => ({ kind: 'admitted', genesis: other, sponsors, bootstrap: [] }),
    });
    parts.replica.author(key(0), run(1), { at: 1, by: 'test', over: [], add: [blockOf(1, 'own.example')] });
    await expect(join(parts, { token: text, dropPolicies: false })).rejects.toMatchObject({
      hint: expect.stringContaining('--drop-policies'),
    });
    expect(await join(parts, { token: text, dropPolicies: true, dryRun: true })).toEqual({
      id: home,
      changed: true,
    });
    expect(parts.files.replacedBy).toBeUndefined();
    await join(parts, { token: text, dropPolicies: true });
    expect(parts.files.replacedBy).toEqual({
      genesis: other,
      psk: 'cd'.repeat(32),
      sponsors,
      bootstrap: addresses,
    });
  });
});
