import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { PeerView } from '../../src/p2p/peer-view.ts';
import type { PresenceClaim } from '../../src/policy/presence.ts';
import { addressOf, equal, eventually, House, type Router, writeBlock, writeCard } from './house.ts';
import { MemoryWire } from './memory-wire.ts';

let house = new House();
afterEach(async () => {
  await house.stop();
  house = new House();
});

function claimOf(name: string): PresenceClaim {
  const now = systemClock.monotonic();
  const mac = `02:00:00:00:00:0${name.length}`;
  return {
    about: { node: '', device: true, macs: [mac], addresses: [], domains: [], names: [name] },
    stay: { since: now, seen: now },
    bytes: undefined,
  };
}

/** How one router sees another. */
function seen(by: Router, of: Router): PeerView {
  const view = by.network?.peers().find(({ peer }) => peer === of.key.peer);
  if (view === undefined) throw new Error('no such member');
  return view;
}

const together = (routers: readonly Router[]) => () =>
  routers.every((router) =>
    router.network?.peers().every((peer) => peer.state === 'alive' && peer.connections === 1),
  );

/** Three routers on a memory wire. */
async function three(
  wire: MemoryWire,
  claims: () => readonly PresenceClaim[] = () => [],
): Promise<[Router, Router, Router]> {
  const [a, b, c] = house.routers(3);
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
  await house.start(a, wire.end('a'));
  await house.start(b, {
    ...wire.end('b'),
    bootstrap: ['/memory/a'],
    presence: { claims, idOf: (mac) => mac },
  });
  await house.start(c, { ...wire.end('c'), bootstrap: ['/memory/a', '/memory/b'] });
  await eventually('three routers connect', together([a, b, c]));
  return [a, b, c];
}

describe('a router that only one other cannot hear', () => {
  it('is suspect, heard by the third, and what it applied and who is behind it is told by way of that one', async () => {
    const wire = new MemoryWire();
    let devices = ['tv'];
    const [a, b, c] = await three(wire, () => devices.map(claimOf));
    const behind = (router: Router) =>
      router.network?.presence
        .all()
        .find(({ peer }) => peer === b.key.peer)
        ?.claims.flatMap(({ about }) => about.names);
    await eventually('both others know its devices', () => [a, c].every((one) => behind(one)?.length === 1));
    await eventually('all say that they are equal', () => seen(a, b).digestEqual === true);
    wire.cutBetween('a', 'b');
    await eventually('a hears of b from c', () => seen(a, b).heardBy === c.key.peer);
    expect(seen(a, b)).toMatchObject({ state: 'suspect', connections: 0, link: { state: 'down' } });
    await eventually('b hears of a from c', () => seen(b, a).heardBy === c.key.peer);

    devices = ['tv', 'lamp'];
    await eventually('a hears of its new device', () => behind(a)?.join() === 'tv,lamp', 15_000);
    expect(c.network?.stats()['gossip.published_presence'] ?? 0).toBe(0);
    devices = ['lamp'];
    await eventually('and that one went', () => behind(a)?.join() === 'lamp', 15_000);

    // A block waits for it, and hears of it.
    expect(a.network?.reachable()).toContain(b.key.peer);
    const op = writeBlock(a, 'x');
    a.network?.announceOp(op.envelope);
    const waiting = a.network?.waitApplied(op.id, [b.key.peer, c.key.peer], { timeoutMs: 2_000 });
    await eventually('all have the op', () => equal([a, b, c]));
    for (const router of [b, c])
      router.network?.sayApplied({ digest: router.replica.digest, recent: [op.id] });
    const answers = await waiting;
    expect(answers?.get(c.key.peer)).toMatchObject({ applied: true });
    expect(answers?.get(c.key.peer)?.via).toBeUndefined();
    expect(answers?.get(b.key.peer)).toMatchObject({ applied: true, via: c.key.peer });
    await eventually('it is in step, as c says', () => seen(a, b).digestEqual === true);
    expect(seen(a, b)).toMatchObject({ appliedDigest: b.replica.digest, appliedVia: c.key.peer });

    // It stays so for longer than the tolerance.
    const down = a.network?.stats()['peers.down'] ?? 0;
    await eventually('the tolerance is over', () => seen(a, b).sinceMs > 7_500, 15_000);
    expect(seen(a, b)).toMatchObject({ state: 'suspect', heardBy: c.key.peer });
    expect(a.network?.stats()['peers.down'] ?? 0).toBe(down);

    wire.healBetween('a', 'b');
    await eventually('all are together again', together([a, b, c]));
    expect(seen(a, b)).toMatchObject({ heardBy: undefined, link: { state: 'up' } });
    b.network?.sayApplied({ digest: b.replica.digest, recent: [] });
    await eventually('it speaks for itself', () => seen(a, b).appliedVia === undefined);
  });

  it('is down when nobody hears it', async () => {
    const wire = new MemoryWire();
    const [a, b, c] = await three(wire);
    wire.cut('b');
    const ms = await eventually('both call it down', () =>
      [a, c].every((router) => seen(router, b).state === 'down'),
    );
    expect(ms).toBeLessThan(9_000);
    for (const router of [a, c]) expect(router.network?.reachable()).not.toContain(b.key.peer);
  });
});

describe('tolerances', () => {
  it('are told to the other side, differ by direction and are changed at run time', async () => {
    const [a, b] = house.routers(2);
    if (a === undefined || b === undefined) throw new Error('no routers');
    const [toB, toA] = [240_000, 172_800_000];
    await house.start(a, { tolerances: new Map([[b.key.peer, toB]]) });
    await house.start(b, { bootstrap: [addressOf(a)], tolerances: new Map([[a.key.peer, toA]]) });
    await eventually('both have said', () => seen(a, b).theirToleranceMs === toA);
    await eventually('both have said', () => seen(b, a).theirToleranceMs === toB);
    expect(seen(a, b)).toMatchObject({ toleranceMs: toB, stretched: false, changes: a.replica.size });
    a.network?.setTolerance(b.key.peer, 1);
    expect(a.network?.toleranceOf(b.key.peer)).toBe(4_000);
    const ms = await eventually('b hears of it at once', () => seen(b, a).theirToleranceMs === 4_000);
    expect(ms).toBeLessThan(1_000);
    a.network?.setTolerance(b.key.peer, undefined);
    expect(a.network?.toleranceOf(b.key.peer)).toBe(10_000);
  });
});

describe('a router that stopped', () => {
  it('is suspect as soon as a redial is refused, before half of the tolerance is over', async () => {
    const [a, b] = house.routers(2);
    if (a === undefined || b === undefined) throw new Error('no routers');
    await house.start(a);
    await house.start(b, { bootstrap: [addressOf(a)] });
    writeCard(b, 'attic');
    await eventually('a knows where b listens', () => a.registers.card(b.key.peer) !== undefined);
    a.network?.membersChanged();
    await eventually('the two connect', together([a, b]));
    await b.network?.stop();
    const ms = await eventually('it is suspect', () => seen(a, b).state === 'suspect');
    expect(ms).toBeLessThan(3_500);
    expect(a.network?.reachable()).toEqual([]);
    expect(seen(a, b).link.closed).toBeDefined();
  });

  it('is pruned when it has been down for the grace time, and comes back as if nothing had happened', async () => {
    const [a, b] = house.routers(2);
    if (a === undefined || b === undefined) throw new Error('no routers');
    await house.start(a, { toleranceMs: 4_000, keepDownMs: 1_000 });
    await house.start(b, { bootstrap: [addressOf(a)] });
    await eventually('the two connect', together([a, b]));
    await b.network?.stop();
    const op = writeBlock(b, 'written meanwhile');
    await eventually('it is pruned', () => seen(a, b).state === 'pruned');
    await house.start(b, { bootstrap: [addressOf(a)] });
    await eventually('it is back', together([a, b]));
    await eventually('with what it wrote', () => a.replica.op(op.id) !== undefined);
  });
});
