import { describe, expect, it } from 'vitest';
import { admitGuest, invite, isInvitationUsed, withdraw } from '../../../src/control/commands/invite.ts';
import { join } from '../../../src/control/commands/join.ts';
import { decodeToken, type InvitationToken } from '../../../src/p2p/invitation-token.ts';
import { joinProof } from '../../../src/p2p/join-wire.ts';
import { keyFromSeed } from '../../../src/p2p/keys.ts';
import { homeIdOf } from '../../../src/policy/genesis.ts';
import { admitAll, blockOf, crypto, genesis, key, run } from '../../support/household.ts';
import { type FakeParts, fakeParts } from '../../support/parts.ts';

const request = { by: 'anna', admin: true, for: '1h' };

function token(parts: FakeParts, more: Partial<typeof request> = {}): InvitationToken {
  const decoded = decodeToken(invite(parts, { ...request, ...more }).token);
  if (!decoded.ok) throw new Error(decoded.why);
  return decoded.value;
}

const guestOf = ({ seed }: InvitationToken) => keyFromSeed(seed).peer;

/** What router `n` asks with a token. */
function asks(parts: FakeParts, one: InvitationToken, n = 4) {
  const { home } = parts.replica;
  const proof = key(n).sign(joinProof(home, guestOf(one), one.inviter));
  return admitGuest(parts, guestOf(one), { version: 1, home, peer: key(n).peer, proof });
}

describe('invite', () => {
  it('makes a token with all that a router needs, and no key of a member', () => {
    const parts = fakeParts();
    Object.assign(parts.network, {
      addresses: () => ['/ip4/127.0.0.1/tcp/4411', '/ip4/198.51.100.11/tcp/4411'],
    });
    const one = token(parts);
    expect(one).toMatchObject({ genesis, psk: 'ab'.repeat(32), inviter: key(0).peer });
    expect(one.addresses).toEqual(['/ip4/198.51.100.11/tcp/4411']);
    expect(one.until).toBe(parts.clock.now() + 3_600_000);
    expect(parts.replica.size).toBe(0);
  });

  it('admits who comes with it, names the invitation, and is used then', async () => {
    const parts = fakeParts();
    const one = token(parts, { admin: false });
    expect(await asks(parts, one)).toMatchObject({ kind: 'admitted', sponsors: [key(0).peer] });
    expect(parts.replica.member(key(4).peer)).toMatchObject({ admin: false });
    const [op] = parts.replica.recent(1);
    expect(op).toMatchObject({ by: 'anna', add: [{ kind: 'admit', invite: guestOf(one) }] });
    expect(isInvitationUsed(parts.replica, guestOf(one))).toBe(true);
    expect(await asks(parts, one, 5)).toMatchObject({ kind: 'refused' });
    expect(parts.replica.size).toBe(1);
  });

  it('ends by the monotonic clock, whatever the wall clock says', async () => {
    const parts = fakeParts();
    const one = token(parts);
    parts.clock.setWall(0);
    await parts.clock.advance(3_599_000);
    expect(parts.invitations.find(guestOf(one))).toBeDefined();
    await parts.clock.advance(2_000);
    expect(parts.invitations.find(guestOf(one))).toBeUndefined();
    expect(await asks(parts, one)).toMatchObject({ kind: 'refused' });
  });

  it('is withdrawn with all others', async () => {
    const parts = fakeParts();
    const all = [token(parts), token(parts)];
    expect(withdraw(parts, { dryRun: true })).toEqual({ withdrawn: 2 });
    expect(withdraw(parts, { dryRun: false })).toEqual({ withdrawn: 2 });
    for (const one of all) expect(await asks(parts, one)).toMatchObject({ kind: 'refused' });
  });

  it('has a bound of how many are open, and of how long', () => {
    const parts = fakeParts();
    for (let n = 0; n < 32; n++) token(parts);
    expect(() => token(parts)).toThrow(expect.objectContaining({ name: 'TemporaryError' }));
    expect(() => token(fakeParts(), { for: '8d' })).toThrow(expect.objectContaining({ name: 'UsageError' }));
  });

  it('is for admins', () => {
    const parts = fakeParts(key(4));
    const add = [{ kind: 'admit', peer: key(4).peer, admin: false } as const];
    parts.replica.author(key(0), run(1), { at: 1, by: 'test', over: [], add });
    expect(() => invite(parts, request)).toThrow(expect.objectContaining({ name: 'UsageError' }));
  });

  it('writes nothing for a member, and is not used by a refusal', async () => {
    const parts = fakeParts();
    admitAll(parts.replica, [4]);
    const one = token(parts);
    const other = { version: 1, home: 'ff'.repeat(32), peer: key(5).peer, proof: new Uint8Array(64) };
    expect(await admitGuest(parts, guestOf(one), other)).toMatchObject({ kind: 'refused' });
    expect(await asks(parts, one)).toMatchObject({ kind: 'admitted' });
    expect(parts.replica.size).toBe(1);
  });
});

describe('join', () => {
  /** Another home, and its token. */
  const elsewhere = () => {
    const parts = fakeParts(key(0));
    const view = invite(parts, request);
    return view.token;
  };

  it('is nothing to do in the home that it is in', async () => {
    const parts = fakeParts();
    const view = await join(parts, { token: elsewhere(), dropPolicies: false });
    expect(view).toEqual({ id: homeIdOf(genesis, crypto), changed: false });
  });

  it.each(['', 'hedgerow-invite1.', 'hedgerow1.AAAA', 'hedgerow-invite1.AAAA'])(
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
    const { encodeToken } = await import('../../../src/p2p/invitation-token.ts');
    const seed = key(9).seed;
    const addresses = ['/ip4/198.51.100.7/tcp/4411'];
    const text = encodeToken({
      genesis: other,
      psk: 'cd'.repeat(32),
      seed,
      inviter: key(8).peer,
      addresses,
      until: 5,
    });
    await expect(join(parts, { token: text, dropPolicies: false })).rejects.toMatchObject({
      name: 'TemporaryError',
    });
    expect(parts.files.replacedBy).toBeUndefined();
    const sponsors = [key(8).peer];
    Object.assign(parts, { knock: async () => ({ kind: 'admitted', sponsors, bootstrap: [] }) });
    parts.replica.author(key(0), run(1), { at: 1, by: 'test', over: [], add: [blockOf(1, 'own.example')] });
    await expect(join(parts, { token: text, dropPolicies: false })).rejects.toMatchObject({
      hint: expect.stringContaining('--drop-policies'),
    });
    await join(parts, { token: text, dropPolicies: true });
    expect(parts.files.replacedBy).toEqual({
      genesis: other,
      psk: 'cd'.repeat(32),
      sponsors,
      bootstrap: addresses,
    });
  });
});
