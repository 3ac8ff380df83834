import { memory } from '@libp2p/memory';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { eventually } from './house.ts';
import { isConnected, type LinkedRouter, LinkHouse } from './link-house.ts';

let house = new LinkHouse();
afterEach(async () => {
  await house.stop();
  house = new LinkHouse();
});

/** Everybody is told where the others listen, as from cards that are in the store. */
function tellAll(routers: readonly LinkedRouter[]): void {
  for (const one of routers)
    for (const other of routers) if (one !== other) one.links.said(other.key.peer, 'card', [other.address]);
}

const all = (routers: readonly LinkedRouter[]) => () =>
  routers.every((router) => router.linked().length === routers.length - 1);

const total = (routers: readonly LinkedRouter[], name: string) =>
  routers.reduce((sum, router) => sum + router.count(name), 0);

/**
 * Of the connections that were opened those of which the pair had one already; without the lower key's precedence about every
 * pair has two. On a busy machine handshakes take long, so that both sides dial more often.
 */
const surplus = (routers: readonly LinkedRouter[]) => {
  const spare = total(routers, 'connections.superfluous');
  return spare / Math.max(1, spare + total(routers, 'connections.opened'));
};

it('eight routers that were powered off together are connected again after a few dials of each', async () => {
  const keys = house.admit(8);
  const first = await Promise.all(keys.map((key) => house.router(key).start()));
  tellAll(first);
  await eventually('all are connected', all(first), 60_000);
  const listen = first.map((router) => [`127.0.0.1:${router.port}`]);
  const addresses = first.map((router) => router.address);
  await Promise.all(first.map((router) => router.stop()));
  const again = keys.map((key, i) => house.router(key, { listen: listen[i] ?? [], bootstrap: addresses }));
  await Promise.all(again.map((router) => router.start()));
  await eventually('all are connected again', all(again), 60_000);
  // Each pair needs one dial; both sides try, and go on trying every 0.5 to 1 s.
  expect(total(again, 'dial.attempts')).toBeLessThanOrEqual(4 * 28);
  expect(surplus(again)).toBeLessThanOrEqual(0.25);
});

it('a router that comes back at another address finds the others, and is found by its card', async () => {
  const [low, high] = house.admit(2);
  if (low === undefined || high === undefined) throw new Error('no keys');
  const a = await house.router(low).start();
  const b = await house.router(high).start();
  tellAll([a, b]);
  await eventually('connected', all([a, b]));
  await b.stop();
  await eventually('the link is gone', () => a.linked().length === 0);
  // It knows where the others are and dials: they need not know where it is.
  const moved = await house.router(high).start();
  moved.links.said(low.peer, 'card', [a.address]);
  await eventually('connected by its own dial', all([a, moved]), 5_000);
  await moved.stop();
  await eventually('the link is gone', () => a.linked().length === 0);
  // It knows nobody: only its card tells, over whoever has it.
  const lost = await house.router(high).start();
  const before = a.count('dial.attempts');
  a.links.said(high.peer, 'card', [lost.address]);
  await eventually('found by its card', all([a, lost]));
  // One may have been on its way to where it was.
  expect(a.count('dial.attempts') - before).toBeLessThanOrEqual(4);
  expect(a.database.best(high.peer, systemClock.monotonic())).toBe(lost.address.split('/p2p/')[0]);
});

it('sixteen routers on one address choose some links, all hear what one says, and nobody dials in storms', async () => {
  const routers = house.admit(16).map((key) => house.router(key, { fullMesh: 12, target: 8 }));
  await Promise.all(routers.map((router) => router.start()));
  tellAll(routers);
  await eventually(
    'everybody has its links',
    () => routers.every((router) => router.linked().length >= 8),
    30_000,
  );
  expect(isConnected(routers)).toBe(true);
  const [first] = routers;
  await eventually('gossip runs', () =>
    routers.every(
      (router) =>
        router.linked().length >= 8 &&
        router.overlay.gossip.getSubscribers('/hedgerow/test/ops/1').length >= 8,
    ),
  );
  for (let i = 0; i < 20; i++) await first?.publish(`op ${i}`);
  await eventually('all hear all', () =>
    routers.every((router) => router === first || router.heard.size === 20),
  );
  const links = routers.map((router) => router.linked().length);
  // Whoever has enough dials no more.
  const before = total(routers, 'dial.attempts');
  await systemClock.sleep(3_000);
  expect(Math.max(...links)).toBeLessThanOrEqual(16);
  expect(surplus(routers)).toBeLessThanOrEqual(0.25);
  expect(total(routers, 'dial.attempts') - before).toBeLessThan(16);
});

it('who was told that there is no room does not dial again at once, nor who said so', async () => {
  const routers = house.admit(5).map((key) => house.router(key, { fullMesh: 2, target: 1 }));
  const [hub, ...others] = routers;
  if (hub === undefined) throw new Error('no keys');
  for (const router of routers) await router.start();
  for (const other of others) await other.overlay.dial(hub.address, undefined, AbortSignal.timeout(10_000));
  tellAll(routers);
  await eventually('two of four have to go', () => hub.count('links.closed.surplus') >= 2);
  const met = () => hub.count('connections.opened');
  const before = met();
  await systemClock.sleep(2_500);
  expect(met()).toBe(before);
  expect(hub.linked().length).toBeLessThanOrEqual(2);
});

it('beside a link that has gone silent another is dialled, by both at once, and one stays', async () => {
  const [low, high] = house.admit(2);
  if (low === undefined || high === undefined) throw new Error('no keys');
  const a = await house.router(low).start();
  const b = await house.router(high).start();
  tellAll([a, b]);
  await eventually('connected', all([a, b]));
  // Younger ones count as dialled at the same time.
  await systemClock.sleep(2_100);
  const [old] = a.overlay.connections(high.peer);
  a.said.set(high.peer, 'suspect');
  b.said.set(low.peer, 'suspect');
  a.links.suspect(high.peer);
  b.links.suspect(low.peer);
  await eventually('another is there, and the old one is gone', () => {
    const ours = a.overlay.connections(high.peer);
    const theirs = b.overlay.connections(low.peer);
    return ours.length === 1 && theirs.length === 1 && ours[0]?.id !== old?.id;
  });
  await systemClock.sleep(1_000);
  expect(a.overlay.connections(high.peer)).toHaveLength(1);
  expect(b.overlay.connections(low.peer)).toHaveLength(1);
  expect(total([a, b], 'connections.opened')).toBeLessThanOrEqual(6);
});

it('a dial is refused when nobody listens there any more, and told', async () => {
  const [low, high] = house.admit(2);
  if (low === undefined || high === undefined) throw new Error('no keys');
  const a = await house.router(low).start();
  const b = await house.router(high).start();
  tellAll([a, b]);
  await eventually('connected', all([a, b]));
  await b.stop();
  const ms = await eventually('refused', () => a.refused.has(high.peer));
  expect(ms).toBeLessThan(2_000);
});

it('a link that carries nothing is closed by its limit, told to the other side, and made again when there is something to say', async () => {
  const [low, high] = house.admit(2);
  if (low === undefined || high === undefined) throw new Error('no keys');
  const a = await house
    .router(low, { transport: memory(), listen: ['/memory/idle-a'], maxIdleMs: 1_500 })
    .start();
  const b = await house.router(high, { transport: memory(), listen: ['/memory/idle-b'] }).start();
  tellAll([a, b]);
  await eventually('connected', all([a, b]));
  await eventually('closed', () => a.linked().length === 0 && b.linked().length === 0);
  expect(a.states.of(high.peer).closed).toBe('idle for 1.5 s');
  expect(b.states.of(low.peer).closed).toBe('the other side closed it: idle');
  expect(a.count('links.closed.idle')).toBe(1);
  expect(b.count('links.closed.told')).toBe(1);
  await systemClock.sleep(2_500);
  expect([...a.linked(), ...b.linked()]).toEqual([]);
  expect(a.links.rests(high.peer) && b.links.rests(low.peer)).toBe(true);
  // A change that came over somebody else: noticed at the next look.
  b.digest = 'something';
  await eventually('connected again', all([a, b]));
  await eventually('closed again', () => a.linked().length === 0 && b.linked().length === 0);
  a.links.wake();
  const ms = await eventually('connected at once', all([a, b]));
  expect(ms).toBeLessThan(1_000);
});
