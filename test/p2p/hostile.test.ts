import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { type Libp2p, stop } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALIVE_PROTOCOL } from '../../src/p2p/alive/alive.ts';
import { frame } from '../../src/p2p/frames.ts';
import { topicsOf } from '../../src/p2p/gossip.ts';
import { FAREWELL_PROTOCOL } from '../../src/p2p/joining/farewells.ts';
import { JOIN_PROTOCOL } from '../../src/p2p/joining/guests.ts';
import { generateKey } from '../../src/p2p/keys.ts';
import { SYNC_PROTOCOL } from '../../src/p2p/sync/sync.ts';
import { encodeSync } from '../../src/p2p/sync/sync-wire.ts';
import { addressOf, equal, eventually, House, type Router, writeBlock } from './house.ts';
import { inviting } from './inviting.ts';
import { outsider } from './outsider.ts';

let house = new House();
let stops: (() => Promise<void>)[] = [];
let a: Router;
let b: Router;

beforeEach(async () => {
  house = new House();
  const [first, second] = house.routers(2);
  if (first === undefined || second === undefined) throw new Error('no routers');
  [a, b] = [first, second];
  await house.start(a);
});

afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  stops = [];
  await house.stop();
});

/** What a stranger gets: the protocols on which a stream came up, out of those that a router speaks. */
async function streamsOf(node: Libp2p, router: Router): Promise<string[]> {
  const got: string[] = [];
  for (const protocol of [SYNC_PROTOCOL, ALIVE_PROTOCOL, '/meshsub/1.2.0', '/ipfs/id/1.0.0']) {
    try {
      const signal = AbortSignal.timeout(2_000);
      const stream = await node.dialProtocol(multiaddr(addressOf(router)), protocol, { signal });
      got.push(stream.protocol);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
  }
  return got;
}

/** The rest of the home goes on: another member comes and has everything. */
async function goesOn(): Promise<void> {
  writeBlock(a, `after${a.replica.size}`);
  if (b.network === undefined) await house.start(b, { bootstrap: [addressOf(a)] });
  await eventually(
    'the members go on',
    () => equal([a, b]) && a.network?.alive().includes(b.key.peer) === true,
  );
}

describe('a stranger', () => {
  it.each([
    ['without the pre-shared key', () => undefined],
    ['with a wrong pre-shared key', () => new Uint8Array(32).fill(9)],
    ['with the pre-shared key', () => house.psk],
  ])('%s gets no stream', async (_, psk) => {
    const node = await outsider(generateKey(), psk(), stops);
    expect(await streamsOf(node, a)).toEqual([]);
    await eventually('no connection stays', () => node.getConnections().length === 0);
    expect(a.network?.peers().every((peer) => peer.connections === 0)).toBe(true);
    await goesOn();
  });

  it('that was a member until it was evicted is cut off and refused', async () => {
    await house.start(b, { bootstrap: [addressOf(a)] });
    await eventually('connected', () => a.network?.alive().length === 1);
    a.replica.author(a.key, a.run, {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'evict', peer: b.key.peer, heads: [] }],
    });
    await eventually('forgotten', () => a.network?.peers().length === 0);
    await eventually('cut off', () => b.network?.peers().every((peer) => peer.connections === 0) === true);
    await eventually('refused', () => (a.network?.stats()['refused.inbound'] ?? 0) > 0);
    const op = writeBlock(b, 'late');
    b.network?.announceOp(op.envelope);
    expect(a.replica.op(op.id)).toBeUndefined();
  });
});

it('a stranger with the key of an evicted member hears that it is evicted, and nothing else', async () => {
  const thief = generateKey();
  house.admit(a, thief.peer);
  writeBlock(a, 'secret');
  a.replica.author(a.key, a.run, {
    at: 1,
    by: 'test',
    over: [],
    add: [{ kind: 'evict', peer: thief.peer, heads: [] }],
  });
  await a.network?.stop();
  await house.start(a, { door: inviting(house, a).door });
  const node = await outsider(thief, house.psk, stops);
  const heard: number[] = [];
  await node.handle(FAREWELL_PROTOCOL, (stream) => {
    stream.addEventListener('message', (event) => void heard.push(event.data.byteLength));
  });
  const { digest } = a.replica;
  await node.dial(multiaddr(addressOf(a)), { signal: AbortSignal.timeout(5_000) });
  await eventually('it is told', () => heard.length > 0);
  expect(heard.every((bytes) => bytes < 400)).toBe(true);
  for (const protocol of [SYNC_PROTOCOL, ALIVE_PROTOCOL, JOIN_PROTOCOL, '/meshsub/1.2.0']) {
    const reply: number[] = [];
    try {
      const signal = AbortSignal.timeout(2_000);
      const stream = await node.dialProtocol(multiaddr(addressOf(a)), protocol, { signal });
      stream.addEventListener('message', (event) => void reply.push(event.data.byteLength));
      stream.send(crypto.getRandomValues(new Uint8Array(500)));
      await eventually(`${protocol} ends`, () => stream.status !== 'open');
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    expect(reply).toEqual([]);
  }
  await eventually('no connection stays', () => node.getConnections().length === 0);
  expect(a.replica.digest).toBe(digest);
  expect(a.network?.peers().map(({ peer }) => peer)).toEqual([b.key.peer]);
  await goesOn();
});

it('an evicted member that listens on gets no gossip, not even while it is told', async () => {
  const spy = generateKey();
  house.admit(a, spy.peer);
  await a.network?.stop();
  await house.start(a, { door: inviting(house, a).door });
  const node = await outsider(spy, house.psk, stops);
  // It takes its time to hear that it is evicted.
  let visits = 0;
  await node.handle(FAREWELL_PROTOCOL, () => void visits++);
  const { gossip } = node.services;
  const heard: number[] = [];
  gossip.addEventListener('message', (event) => void heard.push(event.detail.data.byteLength));
  gossip.subscribe(topicsOf(a.replica.home).ops);
  const dial = () => node.dial(multiaddr(addressOf(a)), { signal: AbortSignal.timeout(5_000) });
  await dial();
  await eventually('a member hears what is gossiped', () => {
    a.network?.announceOp(writeBlock(a, `d${a.replica.size}`).envelope);
    return heard.length > 0;
  });
  const record = { kind: 'evict', peer: spy.peer, heads: [] } as const;
  a.replica.author(a.key, a.run, { at: 1, by: 'test', over: [], add: [record] });
  a.network?.membersChanged();
  await eventually('it is cut off', () => node.getConnections().length === 0);
  const before = heard.length;
  await dial();
  await eventually('it is let in to be told', () => visits > 0);
  for (let n = 0; n < 20; n++) {
    a.network?.announceOp(writeBlock(a, `secret${n}`).envelope);
    await setTimeout(50);
  }
  expect(node.getConnections()).toHaveLength(1);
  expect(heard.length).toBe(before);
});

describe('rubbish', () => {
  it('on the TCP port is hung up on, and the agent goes on', async () => {
    const port = Number(/tcp\/(\d+)/.exec(addressOf(a))?.[1]);
    const closed = Array.from({ length: 10 }, (_, i) => {
      const socket = connect(port, '127.0.0.1');
      const end = Promise.withResolvers<void>();
      socket.on('close', () => end.resolve());
      socket.on('error', () => end.resolve());
      socket.on('connect', () => socket.write(crypto.getRandomValues(new Uint8Array(1 + i * 1_000))));
      return { socket, end: end.promise };
    });
    await goesOn();
    await Promise.all(closed.map(({ end }) => end));
    for (const { socket } of closed) socket.destroy();
  });

  it('that keeps every place of a handshake keeps no member out', async () => {
    const port = Number(/tcp\/(\d+)/.exec(addressOf(a))?.[1]);
    // A nonce of the right length, and then silence; of one address libp2p takes 60 a second.
    const sockets = ['127.0.0.2', '127.0.0.3'].flatMap((localAddress) =>
      Array.from({ length: 45 }, () => {
        const socket = connect({ port, host: '127.0.0.1', localAddress });
        socket.on('error', () => undefined);
        return socket.on('connect', () => socket.write(crypto.getRandomValues(new Uint8Array(24))));
      }),
    );
    await eventually('more than have a place', () => (a.network?.stats()['refused.unproven'] ?? 0) >= 26);
    await goesOn();
    for (const socket of sockets) socket.destroy();
  });

  it.each([
    ['sync', SYNC_PROTOCOL, crypto.getRandomValues(new Uint8Array(5_000))],
    ['keep-alives', ALIVE_PROTOCOL, crypto.getRandomValues(new Uint8Array(5_000))],
    ['frames that are too large', SYNC_PROTOCOL, frame(new Uint8Array(300 * 1024))],
    ['a frame that claims a gigabyte', ALIVE_PROTOCOL, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x03)],
    ['ops out of turn', SYNC_PROTOCOL, frame(encodeSync({ kind: 'ops', envelopes: [new Uint8Array(10)] }))],
  ])('of a bad member (%s) ends its stream and nothing else', async (_, protocol, bytes) => {
    const bad = generateKey();
    house.admit(a, bad.peer);
    const digest = a.replica.digest;
    const node = await outsider(bad, house.psk, stops);
    await node.handle(ALIVE_PROTOCOL, () => {});
    const signal = AbortSignal.timeout(5_000);
    const stream = await node.dialProtocol(multiaddr(addressOf(a)), protocol, { signal });
    stream.send(bytes);
    await eventually('the stream is closed', () => stream.status !== 'open');
    expect(a.replica.digest).toBe(digest);
    await goesOn();
  });
});

it('a member without gossip is noticed and redialled', async () => {
  const deaf = generateKey();
  house.admit(a, deaf.peer);
  const node = await outsider(deaf, house.psk, stops);
  await stop(node.services.gossip);
  await node.handle(ALIVE_PROTOCOL, () => {});
  await node.dial(multiaddr(addressOf(a)), { signal: AbortSignal.timeout(5_000) });
  const stream = await node.dialProtocol(multiaddr(addressOf(a)), ALIVE_PROTOCOL);
  await eventually('it is noticed', () => a.network?.stats()['gossip.mended'] === 1, 15_000);
  await eventually('its connection is closed', () => stream.status !== 'open');
  await goesOn();
});

describe('a slow reader', () => {
  it('holds up neither the memory nor the others', async () => {
    for (let i = 0; i < 3_000; i++) writeBlock(a, `d${i}`);
    const slow = generateKey();
    house.admit(a, slow.peer);
    const node = await outsider(slow, house.psk, stops);
    const signal = AbortSignal.timeout(5_000);
    const stream = await node.dialProtocol(multiaddr(addressOf(a)), SYNC_PROTOCOL, { signal });
    const say = (message: Parameters<typeof encodeSync>[0]) => stream.send(frame(encodeSync(message)));
    const { home } = a.replica;
    say({ kind: 'hello', version: 1, home, digest: '', registers: new Map(), ops: 0 });
    say({ kind: 'digests', digests: new Map() });
    say({ kind: 'heads', actors: [], last: true });
    // From here on it reads and acknowledges nothing.
    stream.pause();
    await goesOn();
    const [sending] = a.network?.peers().filter((peer) => peer.peer === slow.peer) ?? [];
    // Four chunks of 60 KiB are on their way, no more.
    expect(sending?.bytesOut).toBeGreaterThan(100 * 1024);
    expect(sending?.bytesOut).toBeLessThan(300 * 1024);
  });
});
