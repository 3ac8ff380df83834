import { identify } from '@libp2p/identify';
import type { Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { ALIVE_PROTOCOL } from '../../src/p2p/alive/alive.ts';
import { FrameReader, frame } from '../../src/p2p/frames.ts';
import { libp2pKeyOf } from '../../src/p2p/identity.ts';
import { generateKey, type SigningKey } from '../../src/p2p/keys.ts';
import type { Network } from '../../src/p2p/network.ts';
import { PRESENCE_PROTOCOL } from '../../src/p2p/presence/presence.ts';
import {
  decodePresence,
  encodeClaim,
  encodePresence,
  type PresenceMessage,
} from '../../src/p2p/presence/presence-wire.ts';
import { encodeQuestion, type Question } from '../../src/p2p/question-wire.ts';
import { ASK_PROTOCOL } from '../../src/p2p/questions.ts';
import { toHex } from '../../src/policy/crypto.ts';
import type { PresenceClaim } from '../../src/policy/presence.ts';
import { addressOf, eventually, House, type Router } from './house.ts';

let house = new House();
let nodes: Libp2p[] = [];
let a: Router;
let b: Router;
/** What b says of its devices, and how it answers. */
let claims: PresenceClaim[] = [];
let answering: (question: Question) => Promise<string>;

const idOf = (mac: string) => `id ${mac}`;
const macOf = (n: number) =>
  `02:00:00:00:${[n >> 8, n & 255].map((part) => part.toString(16).padStart(2, '0')).join(':')}`;

function claim(n: number, name = `device ${n}`): PresenceClaim {
  const now = systemClock.monotonic();
  return {
    about: { node: '', device: true, macs: [macOf(n)], addresses: [], domains: [], names: [name] },
    stay: { since: now, seen: now },
    bytes: { up: n, down: 0 },
  };
}

/** Starts b, again under its key when it ran before. */
async function startB(key?: SigningKey): Promise<void> {
  if (key !== undefined) b = { ...house.router(key), replica: b.replica, registers: b.registers };
  await house.start(b, {
    bootstrap: [addressOf(a)],
    presence: { claims: () => claims, idOf },
    answer: async (question) => ({ kind: 'view', json: await answering(question) }),
  });
}

/** What a knows of b's devices. */
const known = () => a.network?.presence.all().find(({ peer }) => peer === b.key.peer);
const names = () => known()?.claims.map(({ about }) => about.names[0]);

function networkOf(router: Router): Network {
  if (router.network === undefined) throw new Error('does not run');
  return router.network;
}

beforeEach(async () => {
  house = new House();
  claims = [claim(1), claim(2)];
  answering = async ({ view, params }) => JSON.stringify({ view, params });
  const [first, second] = house.routers(2);
  if (first === undefined || second === undefined) throw new Error('no routers');
  [a, b] = [first, second];
  await house.start(a, { toleranceMs: 4_000, presence: { claims: () => [], idOf } });
});

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  nodes = [];
  await house.stop();
});

/** A bare libp2p node with the home's pre-shared key, which speaks no protocol of ours by itself. */
async function bare(key: SigningKey): Promise<Libp2p> {
  const file = new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${toHex(house.psk)}`);
  const node = await createLibp2p({
    privateKey: libp2pKeyOf(key),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionProtector: preSharedKey({ psk: file }),
    services: { identify: identify() },
  });
  nodes.push(node);
  await node.handle(ALIVE_PROTOCOL, () => {});
  return node;
}

/** A bad member's stream to a, which was accepted. */
async function badStream(
  protocol: string,
): Promise<{ stream: Stream; peer: string; heard: PresenceMessage[] }> {
  const key = generateKey();
  house.admit(a, key.peer);
  const node = await bare(key);
  const stream = await node.dialProtocol(multiaddr(addressOf(a)), protocol, {
    signal: AbortSignal.timeout(5_000),
  });
  const reader = new FrameReader();
  const heard: PresenceMessage[] = [];
  stream.addEventListener('message', (event) => {
    for (const bytes of reader.push(event.data)) {
      const decoded = decodePresence(bytes);
      if (decoded.ok) heard.push(decoded.value);
    }
  });
  return { stream, peer: key.peer, heard };
}

function message(seq: number, more: Partial<Parameters<typeof encodePresence>[0]>): Uint8Array {
  return frame(
    encodePresence({ version: 1, seq, anew: seq === 1, claims: [], gone: [], end: 0, again: false, ...more }),
  );
}

describe('presence', () => {
  it('is told on connect, and again when it changes, with only what changed', async () => {
    await startB();
    await eventually('a knows', () => names()?.length === 2);
    expect(known()?.state).toBe('alive');
    expect(known()?.claims[0]).toMatchObject({
      about: { node: idOf(macOf(1)), macs: [macOf(1)] },
      bytes: { up: 1, down: 0 },
    });
    const whole = networkOf(b).stats()['presence.bytes_out'] ?? 0;
    const rest = claims.slice(1);
    claims = [...rest, claim(3, 'new')];
    networkOf(b).presence.changed();
    await eventually('a knows better', () => names()?.join() === 'device 2,new', 3_000);
    expect((networkOf(b).stats()['presence.bytes_out'] ?? 0) - whole).toBeLessThan(whole);
    expect(networkOf(a).presence.arrival(macOf(3))).toBeDefined();
    expect(networkOf(a).presence.arrival(macOf(1))).toBeUndefined();
  });

  it('of a router that stops no longer counts, and a restart tells everything anew', async () => {
    await startB();
    await eventually('a knows', () => names()?.length === 2);
    const { key } = b;
    await networkOf(b).stop();
    await eventually('b is down', () => known()?.state === 'down');
    expect(networkOf(a).presence.arrival(macOf(1))).toBeUndefined();
    expect(names()).toHaveLength(2);
    claims = [claim(7, 'after the restart')];
    await startB(key);
    await eventually('a knows anew', () => names()?.join() === 'after the restart');
    expect(known()?.state).toBe('alive');
  });

  it('of an evicted member is gone at once', async () => {
    await startB();
    await eventually('a knows', () => names()?.length === 2);
    a.replica.author(a.key, a.run, {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'evict', peer: b.key.peer, heads: [] }],
    });
    await eventually('it is gone', () => networkOf(a).presence.all().length === 0, 3_000);
    expect(networkOf(a).presence.arrival(macOf(1))).toBeUndefined();
  });

  it('with a gap is asked for again', async () => {
    const { stream, heard } = await badStream(PRESENCE_PROTOCOL);
    stream.send(message(1, { end: 1 }));
    stream.send(message(5, { end: 1 }));
    await eventually('it is asked', () => heard.some(({ again }) => again));
  });

  it.each<[string, Uint8Array]>([
    ['noise', frame(crypto.getRandomValues(new Uint8Array(500)))],
    ['a claim without a MAC', message(1, { claims: [new Uint8Array(3)] })],
    ['a frame that is too large', frame(new Uint8Array(40 * 1024))],
  ])('that is rubbish (%s) ends its stream and what was said by it', async (_, rubbish) => {
    const { stream, peer } = await badStream(PRESENCE_PROTOCOL);
    stream.send(rubbish);
    await eventually('the stream is closed', () => stream.status !== 'open');
    expect(
      networkOf(a)
        .presence.all()
        .find((each) => each.peer === peer)?.claims,
    ).toEqual([]);
    await startB();
    await eventually('the others go on', () => names()?.length === 2);
  });

  it('of one that never stops talking is read slowly, and bounded', async () => {
    const { stream, peer } = await badStream(PRESENCE_PROTOCOL);
    const from = (seq: number) =>
      Array.from({ length: 300 }, (_, n) =>
        encodeClaim({
          mac: `02:${[seq >> 8, seq, n >> 8, n].map((part) => (part & 255).toString(16).padStart(2, '0')).join(':')}:00`,
          about: { addresses: [], names: ['x'.repeat(64)] },
          stay: { sinceMs: 0, seenMs: 0 },
          bytes: undefined,
        }),
      );
    for (let seq = 1; seq <= 100; seq++) stream.send(message(seq, { claims: from(seq) }));
    await eventually('it is slowed', () => (networkOf(a).stats()['presence.slowed'] ?? 0) > 0);
    const held = networkOf(a)
      .presence.all()
      .find((each) => each.peer === peer)?.claims.length;
    expect(held).toBe(4_096);
    await startB();
    await eventually('the others go on', () => names()?.length === 2);
  });
});

describe('a stranger', () => {
  it('is neither told nor answered', async () => {
    await startB();
    const node = await bare(generateKey());
    for (const protocol of [PRESENCE_PROTOCOL, ASK_PROTOCOL]) {
      const signal = AbortSignal.timeout(2_000);
      await expect(node.dialProtocol(multiaddr(addressOf(a)), protocol, { signal })).rejects.toBeInstanceOf(
        Error,
      );
    }
    expect(
      networkOf(a)
        .presence.all()
        .map(({ peer }) => peer),
    ).toEqual([b.key.peer]);
  });
});

describe('asking', () => {
  const ask = (view = 'flows', params = '{}') => networkOf(a).questions.ask(b.key.peer, view, params);

  it('brings the answer of the other, and only of one that can be reached', async () => {
    await expect(ask()).rejects.toMatchObject({ name: 'TemporaryError' });
    await startB();
    await eventually('connected', () => networkOf(a).reachable().length === 1);
    expect(await ask('flows', '{"top":3}')).toEqual({
      kind: 'view',
      json: JSON.stringify({ view: 'flows', params: '{"top":3}' }),
    });
    expect(networkOf(b).stats()['ask.answered']).toBe(1);
  });

  it('one that answers nobody, or too much, or too often, says so', async () => {
    await startB();
    await eventually('connected', () => networkOf(b).reachable().length === 1);
    const refused = await networkOf(b).questions.ask(a.key.peer, 'flows', '{}');
    expect(refused).toMatchObject({ kind: 'refused', why: { message: 'it answers no questions' } });
    answering = async () => 'x'.repeat(1024 * 1024 + 1);
    expect(await ask()).toMatchObject({
      kind: 'refused',
      why: { hint: 'ask for less, for example with --top 100' },
    });
    answering = async () => `"${'x'.repeat(1024 * 1024 - 2)}"`;
    expect(await ask()).toMatchObject({ kind: 'view' });
    answering = async () => '1';
    let last = await ask();
    // What it may be asked comes back with time: a slow machine asks more often until it is too often.
    for (let n = 0; n < 100 && last.kind === 'view'; n++) last = await ask();
    expect(last).toMatchObject({ kind: 'refused', why: { message: 'it was asked too often' } });
  });

  it('one that stalls, and being asked by one that does, holds up nobody for longer than ten seconds', async () => {
    const silent = await badStream(ASK_PROTOCOL);
    const { stream } = await badStream(ASK_PROTOCOL);
    stream.pause();
    stream.send(frame(encodeQuestion({ version: 1, view: 'flows', params: '{}' })));
    await startB();
    await eventually('connected', () => networkOf(a).reachable().includes(b.key.peer));
    expect(await ask()).toMatchObject({ kind: 'view' });
    answering = () => new Promise(() => undefined);
    const began = performance.now();
    const first = ask();
    await expect(ask()).rejects.toThrow('it is being asked already');
    await expect(first).rejects.toMatchObject({ name: 'TemporaryError' });
    expect(performance.now() - began).toBeLessThan(12_000);
    answering = async () => '1';
    await eventually('b gave up too', () => networkOf(b).stats()['ask.broken'] === 1);
    expect(await ask()).toEqual({ kind: 'view', json: '1' });
    expect(silent.stream.status).not.toBe('open');
  });
});
