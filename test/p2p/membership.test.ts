import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateKey, randomHex } from '../../src/p2p/keys.ts';
import type { Op } from '../../src/policy/op.ts';
import type { Head, Record } from '../../src/policy/records.ts';
import { copy, equal, eventually, House, type Router, write, writeBlock } from './house.ts';
import { comes, type Inviting, inviting } from './inviting.ts';
import { MemoryWire } from './memory-wire.ts';

let house = new House();
let wire = new MemoryWire();
const hosts = new Map<Router, Inviting>();

beforeEach(() => {
  house = new House();
  wire = new MemoryWire();
  hosts.clear();
});

afterEach(async () => await house.stop());

/** A router of the home; the agent tells its overlay of such ops as they come, here the test does. */
function router(key = generateKey()): Router {
  const made: Router = house.router(key, (op) => {
    if (op.add.some(({ kind }) => kind === 'evict' || kind === 'leave')) made.network?.membersChanged();
  });
  return made;
}

/** So many routers with the founder first, each knowing all admissions; nobody is connected. */
function home(count: number): Router[] {
  const all = Array.from({ length: count }, (_, n) => router(n === 0 ? house.founder : undefined));
  const [founder] = all;
  if (founder === undefined) return all;
  for (const other of all.slice(1)) house.admit(founder, other.key.peer);
  for (const other of all.slice(1)) copy(founder.replica, other.replica);
  return all;
}

/** Brings routers up on the wire, as r0, r1 …; each is told where all are. */
async function up(routers: readonly Router[], from = 0): Promise<void> {
  const names = Array.from({ length: 5 }, (_, n) => `/memory/r${n}`);
  for (const [n, one] of routers.entries()) {
    const host = inviting(house, one);
    hosts.set(one, host);
    await house.start(one, { ...wire.end(`r${from + n}`), bootstrap: names, door: host.door });
  }
}

function evictionOf(of: Router, at: Router): Record {
  const heads: Head[] = at.replica
    .heads([of.key.peer])
    .flatMap((actor) => actor.heads.map(({ id, seq }) => ({ run: actor.run, id, seq })));
  return { kind: 'evict', peer: of.key.peer, heads };
}

function evict(by: Router, whom: Router): Op {
  const op = write(by, [evictionOf(whom, by)]);
  by.network?.announceOp(op.envelope);
  return op;
}

const knows = (one: Router, ...members: Router[]) =>
  members.every(({ key }) => one.replica.isMember(key.peer));
const gone = (one: Router, ...members: Router[]) =>
  members.every(({ key }) => !one.replica.isMember(key.peer));
const talk = (...all: Router[]) =>
  all.every(({ network }) => (network?.reachable().length ?? 0) >= all.length - 1) && equal(all);

describe('a router that was evicted while it was away', () => {
  it('hears it when it comes back, and what it wrote meanwhile is void', async () => {
    const [a, b, c] = home(3) as [Router, Router, Router];
    const before = writeBlock(c, 'before');
    copy(c.replica, a.replica);
    const op = evict(a, c);
    const own = writeBlock(c, 'own');
    await up([a, b, c]);
    await eventually('it knows', () => !c.replica.isMember(c.key.peer));
    expect(c.replica.holds(op.id)).toBe(true);
    await eventually('the others are in step', () => talk(a, b));
    // What was open when they learned it ends at once; whenever it comes back it is a guest.
    await eventually(
      'it is cut off',
      () => c.network?.peers().every((peer) => peer.connections === 0) === true,
    );
    for (const { replica } of [a, b, c]) {
      expect(replica.live.has(`${before.id}/0`)).toBe(true);
      expect(replica.live.has(`${own.id}/0`)).toBe(false);
    }
    // It got nothing else, and nobody took anything of it.
    const after = writeBlock(a, 'after');
    a.network?.announceOp(after.envelope);
    await eventually('the others go on', () => b.replica.holds(after.id));
    expect(c.replica.holds(after.id)).toBe(false);
    expect([a, b].some(({ replica }) => replica.counts(own.id))).toBe(false);
  });

  it('is told so also when it has missed too much to follow, and learns no policy by it', async () => {
    const [a, c] = home(2) as [Router, Router];
    for (let n = 0; n < 50; n++) writeBlock(a, `secret${n}`);
    evict(a, c);
    writeBlock(c, 'own');
    const { size } = c.replica;
    await up([a, c]);
    const news = () => hosts.get(c)?.parts.evictionNews?.now;
    await eventually('it was told', () => news() !== undefined);
    expect(news()).toMatchObject({ by: a.key.peer, author: a.key.peer });
    expect(c.replica.size).toBe(size);
    expect(c.replica.isMember(c.key.peer)).toBe(true);
    expect(a.network?.peers()).toEqual([]);
  });

  it('is not heard with its key, however often it comes', async () => {
    const [a, b, c] = home(3) as [Router, Router, Router];
    evict(a, c);
    await up([a, b, c]);
    await eventually('it knows', () => !c.replica.isMember(c.key.peer));
    await eventually('it is turned away', () => (a.network?.stats()['farewells.too_often'] ?? 0) > 0, 20_000);
    expect(a.network?.peers().map(({ peer }) => peer)).toEqual([b.key.peer]);
  });
});

describe('one bad member', () => {
  it('that replays ops of others changes nothing', async () => {
    const [a, b] = home(2) as [Router, Router];
    const old = writeBlock(a, 'old');
    const lift = a.replica.author(a.key, a.run, { at: 1, by: 'test', over: [`${old.id}/0`], add: [] });
    await up([a, b]);
    await eventually('in step', () => talk(a, b));
    const { digest, size } = a.replica;
    for (const op of [old, lift, old]) b.network?.announceOp(op.envelope);
    const last = writeBlock(b, 'last');
    b.network?.announceOp(last.envelope);
    await eventually('heard', () => a.replica.holds(last.id));
    expect([a.replica.size, a.replica.digest !== digest]).toEqual([size + 1, true]);
    expect(a.replica.live.has(`${old.id}/0`)).toBe(false);
  });

  it('that writes two histories: both count, on all routers', async () => {
    const [a, b, twin] = home(3) as [Router, Router, Router];
    const other: Router = { ...house.router(twin.key), run: twin.run };
    copy(twin.replica, other.replica);
    const forks = [writeBlock(twin, 'one'), writeBlock(other, 'two')];
    expect(forks.map(({ seq }) => seq)).toEqual([1, 1]);
    await up([a, b]);
    copy(twin.replica, a.replica);
    copy(other.replica, b.replica);
    await eventually('in step', () => talk(a, b));
    for (const { replica } of [a, b])
      for (const { id } of forks) expect(replica.live.has(`${id}/0`)).toBe(true);
    expect(a.replica.heads([twin.key.peer])[0]?.heads).toHaveLength(2);
  });

  it('that was evicted and dates ops back: they count nowhere, whoever hands them on', async () => {
    const [a, b, thief] = home(3) as [Router, Router, Router];
    const early = writeBlock(thief, 'early');
    const first = writeBlock(a, 'first');
    for (const { replica } of [a, b]) copy(thief.replica, replica);
    for (const { replica } of [b, thief]) copy(a.replica, replica);
    evict(a, thief);
    // Before `early`, in a new run, and as a fork: each with a time long ago, and each lifts a block.
    const lift = (run: string) =>
      thief.replica.author(thief.key, run, { at: 1, by: 'thief', over: [`${first.id}/0`], add: [] });
    const late = [lift(randomHex(16)), lift(thief.run), writeBlock(thief, 'late')];
    // A member that has not heard yet takes them for good.
    for (const { envelope } of late) expect(b.replica.admit(envelope).verdict).toBe('ok');
    expect(b.replica.live.has(`${first.id}/0`)).toBe(false);
    await up([a, b, thief]);
    await eventually('in step', () => talk(a, b));
    for (const { replica } of [a, b]) {
      expect(late.some(({ id }) => replica.counts(id))).toBe(false);
      expect(replica.live.has(`${first.id}/0`)).toBe(true);
      expect(replica.live.has(`${early.id}/0`)).toBe(true);
    }
    // The one that held them tells its people, and the other if they were passed on to it.
    const untaken = (router: Router) =>
      hosts
        .get(router)
        ?.parts.notTaken?.list(thief.key.peer)
        .map(({ id }) => id);
    expect(untaken(b)?.sort()).toEqual(late.map(({ id }) => id).sort());
    expect(untaken(a)?.every((id) => late.some((op) => op.id === id))).toBe(true);
  });
});

describe('two routers that evict each other', () => {
  it('in a home of two stay apart, until the recovery key speaks', async () => {
    const [a, b] = home(2) as [Router, Router];
    evict(a, b);
    const byJunior = evict(b, a);
    await up([a, b]);
    expect([knows(a, b), knows(b, a)]).toEqual([false, false]);
    // A person types the recovery key in on both: the founder's word stands, as on any third router that heard both.
    const record = evictionOf(b, a);
    const word = a.replica.author(house.recovery, randomHex(16), {
      at: 1,
      by: 'paper',
      over: [],
      add: [record],
    });
    expect(b.replica.admit(word.envelope).verdict).toBe('ok');
    expect(b.replica.counts(byJunior.id)).toBe(false);
    expect([knows(a, a), gone(a, b), knows(b, a), gone(b, b)]).toEqual([true, true, true, true]);
  });

  it('in a home of three: who hears the senior first, or both, is with the senior', async () => {
    const [a, b, c] = home(3) as [Router, Router, Router];
    wire.cut('r1');
    await up([a, b, c]);
    await eventually('two are connected', () => talk(a, c));
    evict(b, a);
    evict(a, b);
    await eventually('the third has heard', () => gone(c, b));
    wire.heal('r1');
    await eventually('the junior hears it', () => gone(b, b) && knows(b, a));
    expect([talk(a, c), knows(a, c), knows(c, a)]).toEqual([true, true, true]);
  });

  it('in a home of three: who hears the junior first stays with the junior, and is brought over by hand', async () => {
    const [a, b, c] = home(3) as [Router, Router, Router];
    wire.cut('r0');
    await up([a, b, c]);
    await eventually('two are connected', () => talk(b, c));
    const wrong = evict(b, a);
    await eventually('the third has heard', () => gone(c, a));
    evict(a, b);
    wire.heal('r0');
    // The third is lost to nobody: it goes on with the junior; the founder is told what they think.
    const block = writeBlock(c, 'goes-on');
    c.network?.announceOp(block.envelope);
    await eventually('it goes on', () => b.replica.holds(block.id));
    await eventually('the founder is told', () => (a.network?.stats()['farewells.heard'] ?? 0) > 0);
    expect([knows(a, a), knows(c, c), knows(c, b)]).toEqual([true, true, true]);
    // hedgerow evict <junior> --before <its eviction> --recovery-key -, typed in at the third.
    const record: Record = { kind: 'evict', peer: b.key.peer, heads: [] };
    const word = c.replica.author(house.recovery, randomHex(16), {
      at: 1,
      by: 'paper',
      over: [],
      add: [record],
    });
    c.network?.announceOp(word.envelope);
    expect(c.replica.counts(wrong.id)).toBe(false);
    await eventually('the two are together', () => talk(a, c) && gone(a, b), 20_000);
    expect(a.replica.live.has(`${block.id}/0`)).toBe(true);
  });

  it('in a home of four: whoever trusts both sides brings the word of the senior to all', async () => {
    const [a, b, c, d] = home(4) as [Router, Router, Router, Router];
    for (const name of ['r0', 'r3']) wire.cut(name);
    await up([a, b, c, d]);
    await eventually('two are connected', () => talk(b, c));
    const byJunior = evict(b, a);
    await eventually('one has heard the junior', () => gone(c, a));
    evict(a, b);
    // Another one has heard the senior.
    copy(a.replica, d.replica);
    for (const name of ['r0', 'r3']) wire.heal(name);
    await eventually('all but the junior are together', () => talk(a, c, d), 20_000);
    for (const one of [a, c, d]) {
      expect(gone(one, b)).toBe(true);
      expect(one.replica.counts(byJunior.id)).toBe(false);
    }
    await eventually('the junior hears it', () => gone(b, b));
  });

  it.each([2, 3, 4])('and what each of %i routers then holds says the same, whatever came first', (count) => {
    const all = home(count);
    const [a, b] = all as [Router, Router];
    const ops = [evict(a, b), evict(b, a)];
    const digests = [ops, [...ops].reverse()].map((order) => {
      const fresh = house.router();
      copy(a.replica, fresh.replica);
      for (const { envelope } of order) fresh.replica.admit(envelope);
      expect([knows(fresh, a), gone(fresh, b)]).toEqual([true, true]);
      return fresh.replica.digest;
    });
    expect(new Set(digests).size).toBe(1);
  });
});

it('a founder whose disk died: a plain member becomes an admin by the recovery key, and invites', async () => {
  const founder = house.router(house.founder);
  const b = router();
  write(founder, [{ kind: 'admit', peer: b.key.peer, admin: false }]);
  const block = writeBlock(founder, 'kept');
  copy(founder.replica, b.replica);
  await up([b]);
  const host = hosts.get(b);
  if (host === undefined) throw new Error('no host');
  await expect(host.token()).rejects.toMatchObject({ name: 'UsageError' });
  const add: Record[] = [{ kind: 'admit', peer: b.key.peer, admin: true }, evictionOf(founder, b)];
  b.replica.author(house.recovery, randomHex(16), { at: 1, by: 'paper', over: [], add });
  const key = generateKey();
  const { transport } = wire.end('guest');
  const answer = await comes(await host.token(), key, { transport });
  expect(answer.sponsors).toEqual([b.key.peer]);
  const c = router(key);
  await up([c], 1);
  c.network?.membersChanged();
  copy(b.replica, c.replica);
  await eventually('the new one takes part', () => talk(b, c));
  expect(c.replica.live.has(`${block.id}/0`)).toBe(true);
  expect(c.replica.isMember(founder.key.peer)).toBe(false);
});
