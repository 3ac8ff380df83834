import { createServer, type Socket } from 'node:net';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { withdraw } from '../../src/control/commands/invite.ts';
import { JOIN_PROTOCOL } from '../../src/p2p/joining/guests.ts';
import { decodeToken, encodeToken } from '../../src/p2p/joining/invitation-token.ts';
import { Invitations } from '../../src/p2p/joining/invitations.ts';
import { generateKey, keyFromSeed, type SigningKey } from '../../src/p2p/keys.ts';
import { SYNC_PROTOCOL } from '../../src/p2p/sync/sync.ts';
import { sharedInvitations } from '../../src/policy/invitations.ts';
import {
  addressOf,
  copy,
  equal,
  eventually,
  House,
  type Router,
  write,
  writeBlock,
  writeCard,
} from './house.ts';
import { comes, type Inviting, inviting } from './inviting.ts';
import { outsider } from './outsider.ts';

let house = new House();
let a: Router;
let host: Inviting;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  house = new House();
  a = house.router(house.founder);
  writeBlock(a, 'before');
  host = inviting(house, a);
  await house.start(a, { door: host.door });
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await house.stop();
});

/** Nothing of the home was learnt or changed, and it goes on. */
async function unharmed(digest: string, others = 0): Promise<void> {
  expect(a.replica.digest).toBe(digest);
  expect(a.network?.peers()).toHaveLength(others);
  await eventually('nobody stays', () => (a.network?.stats()['connections.opened'] ?? 0) === 0);
}

describe('a router with an invitation', () => {
  it.each([true, false])('is admitted (admin: %s), and takes part', async (admin) => {
    const key = generateKey();
    const answer = await comes(await host.token({ admin }), key);
    expect(answer.sponsors).toEqual([a.key.peer]);
    expect(a.replica.member(key.peer)).toMatchObject({ admin, depth: 1 });
    const b = house.router(key);
    await house.start(b, { sponsors: answer.sponsors, bootstrap: [...answer.bootstrap] });
    await eventually('the new member is in step', () => equal([a, b]));
    expect([...b.replica.live.values()].some(({ record }) => record.kind === 'block')).toBe(true);
  });

  it('comes once: the token is no good after that, for nobody', async () => {
    const one = await host.token();
    await comes(one);
    const { digest, size } = a.replica;
    await expect(comes(one)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('used'),
      hint: expect.stringContaining('hedgerow invite'),
    });
    expect([a.replica.digest, a.replica.size]).toEqual([digest, size]);
  });

  it('whose answer was lost asks again, and hears that it was admitted', async () => {
    const one = await host.token();
    const key = generateKey();
    const first = await comes(one, key);
    const { size } = a.replica;
    expect(await comes(one, key)).toEqual(first);
    expect(a.replica.size).toBe(size);
  });

  it('of two that come at the same time with one token, one is admitted', async () => {
    const one = await host.token();
    const all = await Promise.allSettled([comes(one), comes(one), comes(one)]);
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(a.replica.members().filter(({ by }) => by !== undefined)).toHaveLength(1);
  });

  it('is refused with a key that was evicted or has left, and the token says so', async () => {
    const gone = generateKey();
    house.admit(a, gone.peer);
    write(a, [{ kind: 'evict', peer: gone.peer, heads: [] }]);
    await expect(comes(await host.token(), gone)).rejects.toMatchObject({
      message: expect.stringContaining('final'),
    });
    expect(a.replica.isMember(gone.peer)).toBe(false);
  });
});

describe('a stranger', () => {
  it('with an expired token learns nothing', async () => {
    const one = await host.token({ for: '1s' });
    const { digest } = a.replica;
    await systemClock.sleep(1_100);
    await expect(comes(one)).rejects.toMatchObject({ message: expect.stringContaining('lets nobody in') });
    await unharmed(digest);
  });

  it('with a withdrawn token learns nothing', async () => {
    const one = await host.token();
    expect(await withdraw(host.parts, { by: 'anna', all: false, dryRun: false })).toMatchObject({
      withdrawn: 1,
    });
    const { digest } = a.replica;
    await expect(comes(one)).rejects.toMatchObject({ message: expect.stringContaining('lets nobody in') });
    await unharmed(digest);
  });

  it('with a forged token learns nothing', async () => {
    const one = await host.token();
    const { digest } = a.replica;
    await expect(comes({ ...one, seed: generateKey().seed })).rejects.toMatchObject({ name: 'UsageError' });
    await expect(comes({ ...one, psk: '00'.repeat(32) })).rejects.toMatchObject({ name: 'TemporaryError' });
    await unharmed(digest);
  });

  it('with a used token of which the time is over learns nothing', async () => {
    const one = await host.token({ for: '1s' });
    await comes(one);
    const { digest } = a.replica;
    await systemClock.sleep(1_100);
    await expect(comes(one)).rejects.toMatchObject({ message: expect.stringContaining('lets nobody in') });
    await unharmed(digest, 1);
  });
});

it('a token that was made before a restart is good as long as the time is known', async () => {
  const one = await host.token();
  const { replica } = a;
  const options = { clock: systemClock, clockTrusted: () => host.time.trusted, replica };
  Object.assign(host.parts, { invitations: new Invitations(options) });
  host.time.trusted = false;
  const { digest } = replica;
  await expect(comes(one)).rejects.toMatchObject({
    name: 'TemporaryError',
    message: expect.stringContaining('cannot tell whether the token has ended'),
  });
  expect(replica.digest).toBe(digest);
  host.time.trusted = true;
  await comes(one);
});

describe('another admin than the maker of the token', () => {
  /** A second router of the home, in step, of which the first knows where it listens. */
  async function second(): Promise<{ b: Router; other: Inviting }> {
    const key = generateKey();
    house.admit(a, key.peer);
    const b = house.router(key);
    const other = inviting(house, b);
    await house.start(b, { door: other.door, sponsors: [a.key.peer], bootstrap: [addressOf(a)] });
    writeCard(b, 'second');
    await eventually('both are in step', () => equal([a, b]));
    return { b, other };
  }

  it('lets in while that one is switched off, in a moment', async () => {
    const { b } = await second();
    const one = await host.token();
    expect(one.admins.map(({ peer }) => peer)).toEqual([a.key.peer, b.key.peer]);
    await eventually('it has heard of the invitation', () => equal([a, b]));
    await a.network?.stop();
    const began = performance.now();
    const key = generateKey();
    const answer = await comes(one, key);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(answer.sponsors).toContain(b.key.peer);
    expect(b.replica.member(key.peer)).toMatchObject({ admin: true, depth: 2 });
    await expect(comes(one)).rejects.toMatchObject({ message: expect.stringContaining('used') });
  });

  it('is asked when the first one answers nothing, 3 s later', async () => {
    const { b } = await second();
    const one = await host.token();
    await eventually('it has heard of the invitation', () => equal([a, b]));
    const [first, ...more] = one.admins;
    if (first === undefined) throw new Error('no admin');
    const open: Socket[] = [];
    const silent = createServer((socket) => void open.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    stops.push(async () => {
      for (const socket of open) socket.destroy();
      silent.close();
    });
    const at = silent.address();
    if (at === null || typeof at === 'string') throw new Error('not listening');
    const away = { ...first, addresses: [`/ip4/127.0.0.1/tcp/${at.port}`] };
    const began = performance.now();
    await comes({ ...one, admins: [away, ...more] });
    expect(performance.now() - began).toBeGreaterThan(2_900);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('sends to the maker of the token while it does not know the time, and that one lets in', async () => {
    const { b, other } = await second();
    const one = await host.token();
    await eventually('it has heard of the invitation', () => equal([a, b]));
    other.time.trusted = false;
    const key = generateKey();
    const answer = await comes({ ...one, admins: [...one.admins].reverse() }, key);
    expect(answer.kind).toBe('admitted');
    expect(a.replica.member(key.peer)).toMatchObject({ depth: 1 });
  });

  it('lets in as well during a partition: both stand, and the home says so', async () => {
    const { b } = await second();
    const one = await host.token();
    await eventually('it has heard of the invitation', () => equal([a, b]));
    await b.network?.stop();
    const [left, right] = [generateKey(), generateKey()];
    await comes(one, left);
    await a.network?.stop();
    await house.start(b, { door: inviting(house, b).door });
    await comes({ ...one, admins: [{ peer: b.key.peer, addresses: [addressOf(b)] }] }, right);
    copy(b.replica, a.replica);
    copy(a.replica, b.replica);
    for (const { replica } of [a, b]) {
      expect([left, right].every(({ peer }) => replica.isMember(peer))).toBe(true);
      expect(sharedInvitations(replica)).toEqual(new Set([left.peer, right.peer]));
    }
  });
});

describe('a guest with a good token', () => {
  it('gets no other protocol, and is hung up on when it sends rubbish', async () => {
    const one = await host.token();
    const { digest } = a.replica;
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
    const one = await host.token();
    const { digest } = a.replica;
    const [own, other] = [generateKey(), generateKey()];
    const liar: SigningKey = { ...own, peer: other.peer };
    await expect(comes(one, liar)).rejects.toMatchObject({
      message: expect.stringContaining('not proved'),
    });
    expect(a.replica.digest).toBe(digest);
  });
});

it('a token is read as it was written, and one that is not whole is not read', async () => {
  const one = await host.token();
  const text = encodeToken(one);
  expect(decodeToken(` ${text}\n`)).toEqual({ ok: true, value: one });
  for (let at = 0; at < text.length; at += 7) {
    const damaged = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
    expect(decodeToken(damaged).ok).toBe(false);
  }
});
