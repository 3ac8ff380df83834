import { describe, expect, it } from 'vitest';
import { block } from '../../../src/control/commands/block.ts';
import { addMember, createHome, joinHome, parsePeerKey } from '../../../src/control/commands/home.ts';
import { invite } from '../../../src/control/commands/invite.ts';
import { homeView } from '../../../src/control/views/home.ts';
import { homeIdOf } from '../../../src/policy/genesis.ts';
import type { Replica } from '../../../src/policy/replica.ts';
import { decodeBundle, encodeBundle, type HomeFile } from '../../../src/store/home-file.ts';
import {
  admitAll,
  blockOf,
  crypto,
  deliver,
  genesis,
  key,
  recovery,
  replica,
  run,
  testKey,
} from '../../support/household.ts';
import { type FakeParts, fakeParts, see } from '../../support/parts.ts';

/** Everything of one replica into another. */
function copyAll(from: Replica, to: Replica): void {
  for (let round = 0; round < 3; round++) deliver(from, to);
}

const elsewhere: HomeFile = {
  genesis: { recovery: testKey(200).peer, founder: testKey(201).peer, nonce: '11'.repeat(16) },
  psk: 'cd'.repeat(32),
  sponsors: [testKey(201).peer],
  bootstrap: ['/ip4/198.51.100.99/tcp/4411'],
};

const names = (parts: FakeParts) =>
  [...parts.replica.live.values()].flatMap(({ record }) => (record.kind === 'name' ? [record.text] : []));

describe('home create', () => {
  it('names the home and hands out the recovery key, once', async () => {
    const parts = fakeParts();
    const seed = Buffer.from(recovery.seed).toString('hex');
    const view = await createHome(parts, { by: 'anna', name: 'Elm Street' });
    expect(view).toMatchObject({ id: homeIdOf(genesis, crypto), name: 'Elm Street' });
    expect(view.recoveryKey?.replaceAll('-', '')).toBe(seed);
    expect(view.recoveryKey).toMatch(/^([0-9a-f]{8}-){7}[0-9a-f]{8}$/);
    expect(parts.files.own).not.toHaveProperty('recoverySeed');
    expect(parts.files.own).toMatchObject({ genesis, psk: 'ab'.repeat(32) });

    const again = await createHome(parts, { by: 'anna', name: 'Oak Street' });
    expect(again.recoveryKey).toBeUndefined();
    expect(again.id).toBe(view.id);
  });

  it('replaces the names that it saw', async () => {
    const parts = fakeParts();
    for (const text of ['one', 'two']) {
      parts.replica.author(key(0), run(text === 'one' ? 1 : 2), {
        at: 1,
        by: 'test',
        over: [],
        add: [{ kind: 'name', of: { kind: 'home' }, text }],
      });
    }
    await createHome(parts, { by: 'anna', name: 'Elm Street' });
    expect(names(parts)).toEqual(['Elm Street']);
  });
});

describe('home add', () => {
  const request = { by: 'anna', peer: key(4).peer, admin: true };

  it('admits a router and gives what it needs: the home, its secret, whom to trust, where they are', async () => {
    const parts = fakeParts();
    admitAll(parts.replica, [1, 2]);
    const listens = ['/ip4/198.51.100.12/tcp/4411'];
    parts.registers.author(key(1), { gen: 1, rev: 1 }, undefined, {
      name: 'kitchen',
      prefixes: [],
      listens,
      macs: [],
    });
    const view = await addMember(parts, { ...request, name: 'garage' });
    expect(view).toMatchObject({ changed: true, peer: key(4).peer });
    expect(parts.replica.member(key(4).peer)).toMatchObject({ admin: true, depth: 1 });
    expect(parts.directory.routerName(key(4).peer)).toBe('garage');
    const bundle = decodeBundle(view.bundle);
    expect(bundle).toEqual({
      genesis,
      psk: 'ab'.repeat(32),
      sponsors: expect.arrayContaining([key(0).peer, key(1).peer, key(2).peer]),
      bootstrap: ['/ip4/198.51.100.11/tcp/4411/p2p/self', ...listens],
    });
    expect(bundle.sponsors).toHaveLength(3);
    expect(parts.announced).toHaveLength(1);
  });

  it('writes nothing for a member, and gives a bundle that is as good', async () => {
    const parts = fakeParts();
    const first = await addMember(parts, { ...request, name: 'garage' });
    const size = parts.replica.size;
    const second = await addMember(parts, { ...request, name: 'garage' });
    expect(second).toEqual({ ...first, changed: false });
    expect(parts.replica.size).toBe(size);
    await addMember(parts, { ...request, name: 'shed' });
    expect(parts.replica.size).toBe(size + 1);
  });

  it('can admit one that may not admit others, and that one is refused', async () => {
    const parts = fakeParts(key(4));
    parts.replica.author(key(0), run(1), {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'admit', peer: key(4).peer, admin: false }],
    });
    await expect(addMember(parts, { ...request, peer: key(5).peer })).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('no admin'),
      hint: expect.stringContaining('hedgerow home'),
    });
    expect(parts.replica.isMember(key(5).peer)).toBe(false);
  });

  it('is refused on a router that is no member itself', async () => {
    await expect(addMember(fakeParts(key(6)), request)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('never takes back a key that was evicted', async () => {
    const parts = fakeParts();
    admitAll(parts.replica, [4]);
    parts.replica.author(key(0), run(1), {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'evict', peer: key(4).peer, heads: [] }],
    });
    const size = parts.replica.size;
    await expect(addMember(parts, request)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('evicted'),
      hint: expect.stringContaining('new key'),
    });
    expect(parts.replica.size).toBe(size);
  });
});

describe('home add with the recovery key', () => {
  const recoveryKey = Buffer.from(recovery.seed).toString('hex').match(/.{8}/g)?.join('-') ?? '';
  /** A member that may admit nobody; the founder's disk has died. */
  const plain = (): FakeParts => {
    const parts = fakeParts(key(4));
    const add = [{ kind: 'admit', peer: key(4).peer, admin: false } as const];
    parts.replica.author(key(0), run(1), { at: 1, by: 'test', over: [], add });
    return parts;
  };

  it('makes a router itself an admin where none is left, and it admits others then', async () => {
    const parts = plain();
    const own = { by: 'anna', peer: key(4).peer };
    await expect(addMember(parts, own)).rejects.toMatchObject({
      hint: expect.stringContaining('--recovery-key'),
    });
    await expect(addMember(parts, { ...own, recoveryKey: '00'.repeat(32) })).rejects.toMatchObject({
      message: expect.stringContaining('not the recovery key'),
    });
    // Without --admin nothing is asked for that is not so already.
    expect(await addMember(parts, { ...own, recoveryKey })).toMatchObject({
      changed: false,
      self: true,
      bundle: '',
    });
    expect(await addMember(parts, { ...own, admin: true, recoveryKey })).toMatchObject({
      changed: true,
      promoted: true,
    });
    expect(parts.replica.member(key(4).peer)).toMatchObject({ admin: true, depth: 0 });
    expect(parts.replica.recent(1).next().value).toMatchObject({ peer: recovery.peer });
    expect(await addMember(parts, { by: 'anna', peer: key(5).peer })).toMatchObject({
      changed: true,
      self: false,
    });
    expect(parts.replica.member(key(5).peer)).toMatchObject({ admin: true, depth: 1 });
  });

  it('works on a router that has nothing but an old bundle of the home', async () => {
    const parts = fakeParts(key(6));
    expect(parts.replica.isMember(key(6).peer)).toBe(false);
    await addMember(parts, { by: 'anna', peer: key(6).peer, recoveryKey });
    expect(parts.replica.member(key(6).peer)).toMatchObject({ admin: true, depth: 0 });
    await block(parts, { by: 'anna', wait: true, dryRun: false, confirm: true, first: 'ads.example' });
    expect(parts.replica.live.size).toBeGreaterThan(0);
  });

  it('makes a member an admin also by another admin, and takes that back from nobody', async () => {
    const parts = fakeParts();
    const request = { by: 'anna', peer: key(4).peer };
    await addMember(parts, { ...request, admin: false });
    expect(await addMember(parts, request)).toMatchObject({ changed: false, promoted: false });
    expect(parts.replica.member(key(4).peer)?.admin).toBe(false);
    expect(await addMember(parts, { ...request, admin: true, dryRun: true })).toMatchObject({
      promoted: true,
    });
    expect(parts.replica.member(key(4).peer)?.admin).toBe(false);
    expect(await addMember(parts, { ...request, admin: true })).toMatchObject({
      changed: true,
      promoted: true,
    });
    expect(parts.replica.member(key(4).peer)?.admin).toBe(true);
    await expect(addMember(parts, { ...request, admin: false })).rejects.toMatchObject({
      name: 'UsageError',
    });
  });
});

describe('the view of the home', () => {
  it('tells who is absent and when each was last heard', () => {
    const parts = fakeParts();
    admitAll(parts.replica, [1, 2]);
    const heard = parts.clock.now() - 100 * 86_400_000;
    Object.assign(parts, {
      lastHeard: (peer: string) => (peer === key(1).peer ? heard : undefined),
      absent: (peer: string) => peer === key(1).peer,
    });
    const of = (n: number) => homeView(parts).members.find(({ peer }) => peer === key(n).peer);
    expect(of(1)).toMatchObject({ absent: true, lastHeard: new Date(heard).toISOString() });
    expect(of(2)).toMatchObject({ absent: false, lastHeard: undefined });
    expect(of(0)).toMatchObject({ absent: false, self: true });
  });

  it('lists open invitations', async () => {
    const parts = fakeParts();
    await invite(parts, { by: 'anna', admin: false, for: '1h' });
    expect(homeView(parts).invitations).toEqual([
      {
        router: key(0).peer.slice(0, 8),
        by: 'anna',
        admin: false,
        until: new Date(parts.clock.now() + 3_600_000).toISOString(),
      },
    ]);
  });

  it('says that this router was evicted: when it knows, and when it is told by a router that it cannot follow', () => {
    const parts = fakeParts(key(2));
    admitAll(parts.replica, [2]);
    const elsewhere = replica();
    copyAll(parts.replica, elsewhere);
    admitAll(elsewhere, [1], run(3));
    const evict = {
      at: 7,
      by: 'anna',
      over: [],
      add: [{ kind: 'evict', peer: key(2).peer, heads: [] } as const],
    };
    const unknown = elsewhere.author(key(1), run(4), evict);
    expect(homeView(parts).gone).toBeUndefined();
    parts.evictionNews.told(key(0).peer, unknown.envelope);
    expect(homeView(parts).gone).toContain(`${key(0).peer.slice(0, 8)} says that this router was evicted`);
    // Whose doors are shut answers a handshake, and says no more.
    parts.peers.set(key(0).peer, { state: 'alive', applied: false, silent: true });
    expect(homeView(parts).gone).toContain('says that this router was evicted');
    // Whoever is with the others is not troubled by the word of one.
    parts.peers.set(key(0).peer, { state: 'alive', applied: true });
    expect(homeView(parts).gone).toBeUndefined();
    const known = replica();
    copyAll(parts.replica, known);
    const op = known.author(key(0), run(5), evict);
    parts.evictionNews.told(key(0).peer, op.envelope);
    expect(homeView(parts).gone).toMatch(/^this router was evicted from its home/);
  });

  it.each([
    ['another', [{ kind: 'evict', peer: key(1).peer, heads: [] }]],
    ['nobody', [blockOf(1, 'a.example')]],
  ] as const)('does not believe a farewell that evicts %s, or is not signed', (_, add) => {
    const parts = fakeParts(key(2));
    admitAll(parts.replica, [2]);
    const elsewhere = replica();
    copyAll(parts.replica, elsewhere);
    admitAll(elsewhere, [1], run(3));
    const { envelope } = elsewhere.author(key(1), run(4), { at: 7, by: 'anna', over: [], add });
    const spoilt = Uint8Array.from(envelope);
    spoilt[40] = (spoilt[40] ?? 0) ^ 1;
    for (const one of [envelope, spoilt, new Uint8Array(5)]) parts.evictionNews.told(key(0).peer, one);
    expect(homeView(parts).gone).toBeUndefined();
  });
});

describe('home join', () => {
  const bundle = encodeBundle(elsewhere);
  const id = homeIdOf(elsewhere.genesis, crypto);
  const join = { bundle, dropPolicies: false };

  it('puts the other home in the place of ours', () => {
    const parts = fakeParts();
    expect(joinHome(parts, join)).toEqual({ id, changed: true });
    expect(parts.files.replacedBy).toEqual(elsewhere);
  });

  it('changes nothing in the home that it is in already', () => {
    const parts = fakeParts();
    const own = encodeBundle(parts.files.own);
    expect(joinHome(parts, { ...join, bundle: own })).toEqual({ id: parts.replica.home, changed: false });
    expect(parts.files.replacedBy).toBeUndefined();
  });

  it('is refused while there are other routers in its home', () => {
    const parts = fakeParts();
    admitAll(parts.replica, [1, 2]);
    expect(() => joinHome(parts, { ...join, dropPolicies: true })).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringContaining('2 others') }),
    );
    expect(parts.files.replacedBy).toBeUndefined();
  });

  it('drops policies of its own only when it is told to', async () => {
    const parts = fakeParts();
    see(parts, '02:00:00:00:01:01', '192.168.1.20', 'tv');
    await block(parts, { by: 'anna', wait: true, dryRun: false, first: 'tv', second: 'ads.example' });
    expect(() => joinHome(parts, join)).toThrow(
      expect.objectContaining({
        name: 'UsageError',
        message: expect.stringContaining('1 policy of its own'),
        hint: expect.stringContaining('--drop-policies'),
      }),
    );
    expect(parts.files.replacedBy).toBeUndefined();
    expect(joinHome(parts, { ...join, dropPolicies: true }).changed).toBe(true);
    expect(parts.files.replacedBy).toEqual(elsewhere);
  });

  it('does not count names as policies', async () => {
    const parts = fakeParts();
    await createHome(parts, { by: 'anna', name: 'Elm Street' });
    expect(joinHome(parts, join).changed).toBe(true);
  });

  it.each([
    '',
    'hedgerow1',
    'hedgerow1.',
    'hedgerow1.AAAA',
    `${bundle}.x`,
    bundle.slice(0, -20),
    'hedgerow2.e30',
  ])('refuses what is no bundle: %j', (text) => {
    const parts = fakeParts();
    expect(() => joinHome(parts, { ...join, bundle: text })).toThrow(
      expect.objectContaining({ name: 'DataError' }),
    );
    expect(parts.files.replacedBy).toBeUndefined();
  });
});

describe("a router's key", () => {
  it('is read as a person writes it', () => {
    const { peer } = key(1);
    for (const text of [peer, peer.toUpperCase(), ` ${peer}\n`]) expect(parsePeerKey(text)).toBe(peer);
  });

  it.each(['', 'attic', 'ab', 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(66)])('%j is none', (text) => {
    expect(() => parsePeerKey(text)).toThrow(
      expect.objectContaining({ name: 'UsageError', hint: expect.stringContaining('hedgerow home') }),
    );
  });
});
