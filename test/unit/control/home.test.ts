import { describe, expect, it } from 'vitest';
import { block } from '../../../src/control/commands/block.ts';
import { addMember, createHome, joinHome, parsePeerKey } from '../../../src/control/commands/home.ts';
import { homeIdOf } from '../../../src/policy/genesis.ts';
import { decodeBundle, encodeBundle, type HomeFile } from '../../../src/store/home-file.ts';
import { admitAll, crypto, genesis, key, recovery, run, testKey } from '../../support/household.ts';
import { type FakeParts, fakeParts, see } from '../../support/parts.ts';

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
        message: expect.stringContaining('1 policies'),
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
