import { memory } from '@libp2p/memory';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { addressOf, equal, eventually, House, type Router, writeBlock, writeCard } from './house.ts';
import { MemoryWire } from './memory-wire.ts';

let house = new House();
afterEach(async () => {
  await house.stop();
  house = new House();
});

const connected = (routers: readonly Router[]) => () =>
  routers.every((router) =>
    router.network?.peers().every((peer) => peer.state === 'alive' && peer.connections === 1),
  );

async function three(): Promise<[Router, Router, Router]> {
  const [a, b, c] = house.routers(3);
  if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
  await house.start(a);
  await house.start(b, { bootstrap: [addressOf(a)] });
  await house.start(c, { bootstrap: [addressOf(a), addressOf(b)] });
  await eventually('three routers connect', connected([a, b, c]));
  return [a, b, c];
}

/** Writes ops until one reaches the others by gossip: that needs their subscriptions first. */
async function gossiped(from: Router, to: readonly Router[]): Promise<void> {
  const accepted = () => to.map((router) => router.network?.stats()['gossip.op_accept'] ?? 0);
  const before = accepted();
  for (let i = 0; i < 20 && !accepted().every((count, j) => count > (before[j] ?? 0)); i++) {
    from.network?.announceOp(writeBlock(from, `gossip${from.replica.size}`).envelope);
    await eventually('equal', () => equal([from, ...to]));
  }
  expect(accepted().every((count, j) => count > (before[j] ?? 0))).toBe(true);
}

describe('three routers', () => {
  it('converge on an op by gossip, and stay on one connection per pair', async () => {
    const all = await three();
    const [a, b, c] = all;
    await eventually('keep-alives say that all are equal', () =>
      all.every((router) => router.network?.peers().every((peer) => peer.digestEqual)),
    );
    await gossiped(a, [b, c]);
    await eventually('equal', () => equal(all));
    expect(connected(all)()).toBe(true);
    await eventually('round trips are known', () =>
      all.every((router) =>
        router.network?.peers().every((peer) => peer.rttMs !== undefined && peer.bytesIn > 0),
      ),
    );
  });

  it('tell each other what is in their kernels', async () => {
    const [a, b, c] = await three();
    const op = writeBlock(a, 'x');
    a.network?.announceOp(op.envelope);
    const waiting = a.network?.waitApplied(op.id, [b.key.peer, c.key.peer], { timeoutMs: 5_000 });
    await eventually(
      'both have the op',
      () => b.replica.op(op.id) !== undefined && c.replica.op(op.id) !== undefined,
    );
    b.network?.sayApplied({ digest: '', recent: [op.id] });
    c.network?.sayApplied({ digest: c.replica.digest, recent: [] });
    const answers = await waiting;
    expect(answers?.get(b.key.peer)?.applied).toBe(true);
    expect(answers?.get(c.key.peer)?.applied).toBe(true);
  });

  it('tell each other what their clocks say, and whether they trust them', async () => {
    const [a, b] = house.routers(2);
    if (a === undefined || b === undefined) throw new Error('no routers');
    const hour = 3_600_000;
    const ahead = { ...systemClock, now: () => Date.now() + hour };
    await house.start(a, { clockTrusted: () => true });
    await house.start(b, { clock: ahead, bootstrap: [addressOf(a)] });
    await eventually(
      'both have said',
      () => a.network?.clocks().length === 1 && b.network?.clocks().length === 1,
    );
    const [ofB] = a.network?.clocks() ?? [];
    const [ofA] = b.network?.clocks() ?? [];
    expect(ofB).toMatchObject({ peer: b.key.peer, trusted: false });
    expect(ofA).toMatchObject({ peer: a.key.peer, trusted: true });
    expect(Math.abs((ofB?.offsetMs ?? 0) - hour)).toBeLessThan(2_000);
    expect(Math.abs((ofA?.offsetMs ?? 0) + hour)).toBeLessThan(2_000);
    expect(a.network?.peers()[0]).toMatchObject({ clockTrusted: false, flooding: undefined });
    await b.network?.stop();
    await eventually(
      'the clock of a router that is down counts no more',
      () => a.network?.clocks().length === 0,
      15_000,
    );
    expect(a.network?.peers()[0]?.clockOffsetMs).toBeUndefined();
  });

  it('bring registers over, and agree on them', async () => {
    const all = await three();
    const [a] = all;
    writeCard(a, 'attic');
    await eventually('all know the card', () =>
      all.every((router) => router.registers.card(a.key.peer)?.name === 'attic'),
    );
    await eventually('all agree', () => equal(all));
  });

  it('find each other over the memory transport, and from a single bootstrap address', async () => {
    const all = house.routers(2);
    const [a, b] = all;
    if (a === undefined || b === undefined) throw new Error('no routers');
    await house.start(a, { transport: memory(), listen: ['/memory/a'] });
    await house.start(b, { transport: memory(), listen: ['/memory/b'], bootstrap: ['/memory/a'] });
    writeBlock(a, 'x');
    writeBlock(b, 'y');
    await eventually('equal', () => equal(all));
  });
});

describe('a split', () => {
  it('heals: ops of both sides are everywhere within 2 s', async () => {
    const all = house.routers(3);
    const [a, b, c] = all;
    if (a === undefined || b === undefined || c === undefined) throw new Error('no routers');
    const wire = new MemoryWire();
    await house.start(a, wire.end('a'));
    await house.start(b, { ...wire.end('b'), bootstrap: ['/memory/a'] });
    await house.start(c, { ...wire.end('c'), bootstrap: ['/memory/a', '/memory/b'] });
    await eventually('three routers connect', connected(all));
    wire.cut('c');
    for (let i = 0; i < 20; i++) {
      const ours = writeBlock(a, `a${i}`);
      a.network?.announceOp(ours.envelope);
      const theirs = writeBlock(c, `c${i}`);
      c.network?.announceOp(theirs.envelope);
    }
    await eventually('the majority goes on', () => equal([a, b]));
    await eventually(
      'both sides see it',
      () =>
        [a, b].every(
          (router) => router.network?.peers().find((peer) => peer.peer === c.key.peer)?.state === 'down',
        ) && c.network?.alive().length === 0,
      15_000,
    );
    expect(equal(all)).toBe(false);
    wire.heal('c');
    // How long that takes is measured by a bench, together-healing.
    await eventually('equal', () => equal(all));
    expect(a.replica.live.size).toBe(b.replica.live.size);
    expect(c.replica.live.size).toBeGreaterThanOrEqual(40);
  });

  it('is survived by a router that is stopped and started again and again, with ops on both sides', async () => {
    const [a, b, c] = await three();
    for (let i = 0; i < 3; i++) {
      await b.network?.stop();
      writeBlock(a, `a${i}`);
      writeBlock(b, `b${i}`);
      await house.start(b, { bootstrap: [addressOf(a), addressOf(c)] });
      await eventually('equal', () => equal([a, b, c]));
    }
    await eventually('one connection per pair', connected([a, b, c]));
    await gossiped(b, [a, c]);
  });
});

describe('a joiner', () => {
  it('with an empty store has everything soon after connecting, in one batch, and is trusted by a sponsor', async () => {
    const [a, b, c] = await three();
    writeCard(b, 'kitchen');
    writeCard(c, 'garage');
    const joiner = house.router();
    for (let i = 0; i < 100; i++) b.network?.announceOp(writeBlock(b, `b${i}`).envelope);
    const op = house.admit(a, joiner.key.peer);
    a.network?.announceOp(op.envelope);
    const edges: string[] = [];
    await house.start(joiner, {
      bootstrap: [addressOf(a)],
      sponsors: [a.key.peer],
      onBatch: (edge) => edges.push(edge),
    });
    await eventually('equal', () => equal([a, b, joiner]));
    expect(joiner.replica.isMember(joiner.key.peer)).toBe(true);
    await eventually('the batch ends', () => edges.at(-1) === 'end');
    expect(edges.slice(0, 2)).toEqual(['begin', 'end']);
    await eventually(
      'it dials those that it only knows by their cards',
      () => joiner.network?.alive().length === 3,
    );
  });

  it('takes 10,000 ops without holding up the loop', async () => {
    const [a] = house.routers(1);
    if (a === undefined) throw new Error('no router');
    for (let i = 0; i < 10_000; i++) writeBlock(a, `d${i}`);
    const joiner = house.router();
    house.admit(a, joiner.key.peer);
    await house.start(a);
    await house.start(joiner, { bootstrap: [addressOf(a)], sponsors: [a.key.peer] });
    const busy = watchLoop();
    await eventually('equal', () => equal([a, joiner]), 50_000);
    expect(joiner.replica.size).toBe(10_001);
    // Both ends run in this process and yield every 10 ms; without that the loop stalls for seconds.
    expect(busy()).toBeLessThan(500);
  });
});

/** The longest time for which this thread computed without letting a timer run, milliseconds of its own CPU time. */
function watchLoop(): () => number {
  const cpu = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  let last = cpu();
  let longest = 0;
  const timer = setInterval(() => {
    const now = cpu();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  return () => {
    clearInterval(timer);
    return longest;
  };
}
