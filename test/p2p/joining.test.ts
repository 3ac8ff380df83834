import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { admitGuest, invite, isInvitationUsed } from '../../src/control/commands/invite.ts';
import type { Parts } from '../../src/control/parts.ts';
import { JOIN_PROTOCOL } from '../../src/p2p/guests.ts';
import { decodeToken, encodeToken, type InvitationToken } from '../../src/p2p/invitation-token.ts';
import { Invitations } from '../../src/p2p/invitations.ts';
import { generateKey, keyFromSeed, type SigningKey } from '../../src/p2p/keys.ts';
import { type Admitted, knock } from '../../src/p2p/knock.ts';
import { SYNC_PROTOCOL } from '../../src/p2p/sync.ts';
import { toHex } from '../../src/policy/crypto.ts';
import { crypto } from '../support/household.ts';
import { addressOf, equal, eventually, House, type Router, write, writeBlock } from './house.ts';
import { outsider } from './outsider.ts';

let house = new House();
let a: Router;
let parts: Parts;
let clockTrusted = true;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  house = new House();
  clockTrusted = true;
  a = house.router(house.founder);
  writeBlock(a, 'before');
  parts = partsOf(a);
  await house.start(a, {
    door: {
      expects: (guest) => parts.invitations.find(guest) !== undefined,
      admit: (guest, request) => admitGuest(parts, guest, request),
    },
  });
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await house.stop();
});

/** What inviting needs of an agent, over a router of this house. */
function partsOf(router: Router, saved = { text: '' }): Parts {
  const some = {
    replica: router.replica,
    registers: router.registers,
    key: router.key,
    crypto,
    clockTrust: () => ({ trusted: clockTrusted, why: 'a test says so' }),
    network: { addresses: () => router.network?.addresses() ?? [] },
    home: { read: () => ({ genesis: house.genesis, psk: toHex(house.psk), sponsors: [], bootstrap: [] }) },
    author: {
      write: async ({ add }: { add: Parameters<typeof write>[1] }) => {
        const op = write(router, add);
        router.network?.announceOp(op.envelope);
        return { op, answers: [] };
      },
    },
    invitations: new Invitations({
      clock: systemClock,
      clockTrusted: () => clockTrusted,
      isUsed: (key) => isInvitationUsed(router.replica, key),
      load: () => saved.text,
      save: (text) => {
        saved.text = text;
      },
    }),
  };
  return some as unknown as Parts;
}

function token(request: { admin?: boolean; for?: string } = {}): InvitationToken {
  const decoded = decodeToken(invite(parts, { by: 'anna', admin: true, for: '10m', ...request }).token);
  if (!decoded.ok) throw new Error(decoded.why);
  return decoded.value;
}

const comes = (with_: InvitationToken, key: SigningKey = generateKey()): Promise<Admitted> =>
  knock({ token: with_, home: a.replica.home, key, clock: systemClock, signal: AbortSignal.timeout(20_000) });

/** Nothing of the home was learnt or changed, and it goes on. */
async function unharmed(digest: string): Promise<void> {
  expect(a.replica.digest).toBe(digest);
  expect(a.network?.peers()).toEqual([]);
  await eventually('nobody stays', () => (a.network?.stats()['connections.opened'] ?? 0) === 0);
}

describe('a router with an invitation', () => {
  it.each([true, false])('is admitted (admin: %s), and takes part', async (admin) => {
    const key = generateKey();
    const answer = await comes(token({ admin }), key);
    expect(answer.sponsors).toEqual([a.key.peer]);
    expect(a.replica.member(key.peer)).toMatchObject({ admin, depth: 1 });
    const b = house.router(key);
    await house.start(b, { sponsors: answer.sponsors, bootstrap: [...answer.bootstrap] });
    await eventually('the new member is in step', () => equal([a, b]));
    expect([...b.replica.live.values()].some(({ record }) => record.kind === 'block')).toBe(true);
  });

  it('comes once: the token is no good after that, for nobody', async () => {
    const one = token();
    const key = generateKey();
    await comes(one, key);
    const { digest, size } = a.replica;
    await expect(comes(one)).rejects.toMatchObject({ hint: expect.any(String) });
    await expect(comes(one, key)).rejects.toMatchObject({ hint: expect.any(String) });
    expect([a.replica.digest, a.replica.size]).toEqual([digest, size]);
    // Nor after a loss of what this router remembers: the home itself knows that it was used.
    expect(isInvitationUsed(a.replica, keyFromSeed(one.seed).peer)).toBe(true);
  });

  it('of two that come at the same time with one token, one is admitted', async () => {
    const one = token();
    const all = await Promise.allSettled([comes(one), comes(one), comes(one)]);
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(a.replica.members().filter(({ by }) => by !== undefined)).toHaveLength(1);
  });

  it('is refused with a key that was evicted or has left, and the token says so', async () => {
    const gone = generateKey();
    house.admit(a, gone.peer);
    write(a, [{ kind: 'evict', peer: gone.peer, heads: [] }]);
    await expect(comes(token(), gone)).rejects.toMatchObject({
      message: expect.stringContaining('final'),
    });
    expect(a.replica.isMember(gone.peer)).toBe(false);
  });
});

describe('a stranger', () => {
  it('with an expired token learns nothing', async () => {
    const one = token({ for: '1s' });
    const { digest } = a.replica;
    await systemClock.sleep(1_100);
    await expect(comes(one)).rejects.toMatchObject({ hint: expect.any(String) });
    await unharmed(digest);
  });

  it('with a withdrawn token learns nothing', async () => {
    const one = token();
    const { digest } = a.replica;
    expect(parts.invitations.withdraw()).toBe(1);
    await expect(comes(one)).rejects.toMatchObject({ hint: expect.any(String) });
    await unharmed(digest);
  });

  it('with a forged token learns nothing', async () => {
    const { digest } = a.replica;
    await expect(comes({ ...token(), seed: generateKey().seed })).rejects.toMatchObject({
      hint: expect.any(String),
    });
    await unharmed(digest);
  });

  it('with a token whose clock is in doubt after a restart learns nothing', async () => {
    const saved = { text: '' };
    parts = partsOf(a, saved);
    const one = token();
    clockTrusted = false;
    parts = partsOf(a, saved);
    const { digest } = a.replica;
    await expect(comes(one)).rejects.toMatchObject({ hint: expect.any(String) });
    await unharmed(digest);
    clockTrusted = true;
    await comes(one);
  });
});

describe('a guest with a good token', () => {
  it('gets no other protocol, and is hung up on when it sends rubbish', async () => {
    const { digest } = a.replica;
    const one = token();
    const node = await outsider(keyFromSeed(one.seed), house.psk, stops);
    const to = multiaddr(addressOf(a));
    const signal = AbortSignal.timeout(10_000);
    const sync = await node.dialProtocol(to, SYNC_PROTOCOL, { signal });
    await eventually('no sync for guests', () => sync.status !== 'open');
    const stream = await node.dialProtocol(to, JOIN_PROTOCOL, { signal });
    stream.send(Uint8Array.of(5, 1, 2, 3, 4, 5));
    await eventually('hung up on', () => node.getConnections().length === 0);
    expect(a.replica.digest).toBe(digest);
    // It was not used by that.
    await comes(one);
  });

  it('cannot have somebody else admitted', async () => {
    const { digest } = a.replica;
    const [own, other] = [generateKey(), generateKey()];
    const liar: SigningKey = { ...own, peer: other.peer };
    await expect(comes(token(), liar)).rejects.toMatchObject({
      message: expect.stringContaining('not proved'),
    });
    expect(a.replica.digest).toBe(digest);
  });
});

it('a token is read as it was written, and one that is not whole is not read', () => {
  const one = token();
  const text = encodeToken(one);
  expect(decodeToken(` ${text}\n`)).toEqual({ ok: true, value: one });
  for (let at = 0; at < text.length; at += 7) {
    const damaged = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
    expect(decodeToken(damaged).ok).toBe(false);
  }
});
