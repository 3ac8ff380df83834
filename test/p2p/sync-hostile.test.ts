import type { Libp2p, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { frame } from '../../src/p2p/frames.ts';
import { generateKey } from '../../src/p2p/keys.ts';
import { SYNC_PROTOCOL } from '../../src/p2p/sync/sync.ts';
import type { Sent } from '../../src/p2p/sync/sync-talk.ts';
import { encodeSync } from '../../src/p2p/sync/sync-wire.ts';
import { addressOf, equal, eventually, House, type Router, writeBlock } from './house.ts';
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
  // Bad members speak no keep-alives; that is another test's matter.
  await house.start(a, { toleranceMs: 600_000 });
  await house.start(b, { bootstrap: [addressOf(a)], toleranceMs: 600_000 });
  await eventually('connected', () => b.network?.alive().length === 1);
});

afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  stops = [];
  await house.stop();
});

const say = (stream: Stream, message: Sent) => stream.send(frame(encodeSync(message)));

/** Begins a session with `a` as somebody who holds nothing, up to where the ops begin. */
function begin(stream: Stream): void {
  const { home } = a.replica;
  say(stream, { kind: 'hello', version: 1, home, digest: '', registers: new Map(), ops: 1_000_000 });
  say(stream, { kind: 'digests', digests: new Map() });
}

const noHeads: Sent = { kind: 'heads', actors: [], last: true };

/** A member without gossip is connected anew after 8 s; else a session ends after 10 s of silence. */
const STALLED = /nothing within|deaf/;

/** What a bad member does on a stream of its own, and what its session is ended with. */
const BAD: readonly (readonly [string, RegExp, (stream: Stream) => Promise<void> | void])[] = [
  [
    'sends a byte a second',
    STALLED,
    async (stream) => {
      for (const byte of frame(new Uint8Array(100)).slice(0, 30)) {
        if (stream.status === 'open') stream.send(Uint8Array.of(byte));
        await systemClock.sleep(1_000);
      }
    },
  ],
  ['says nothing', STALLED, () => undefined],
  [
    'acknowledges what it did not get',
    /acknowledges what was not sent/,
    (stream) => {
      begin(stream);
      say(stream, noHeads);
      say(stream, { kind: 'ack', count: 1_000 });
    },
  ],
  [
    'promises heads that never come',
    STALLED,
    (stream) => {
      begin(stream);
      say(stream, { kind: 'heads', actors: [], last: false });
    },
  ],
  [
    'takes everything and acknowledges nothing',
    STALLED,
    (stream) => {
      begin(stream);
      say(stream, noHeads);
    },
  ],
  [
    'ends in the middle of a chunk',
    /early/,
    async (stream) => {
      begin(stream);
      say(stream, noHeads);
      const chunk = frame(encodeSync({ kind: 'ops', envelopes: [new Uint8Array(10_000)] }));
      stream.send(chunk.slice(0, 5_000));
      await stream.close({ signal: AbortSignal.timeout(5_000) });
    },
  ],
  [
    'ends its ops out of turn',
    /out of turn/,
    (stream) => {
      begin(stream);
      say(stream, noHeads);
      say(stream, { kind: 'ops-end', pass: 2 });
    },
  ],
  [
    'talks without end and says nothing',
    /says nothing/,
    (stream) => {
      begin(stream);
      say(stream, noHeads);
      for (let n = 0; n < 1_100; n++) say(stream, { kind: 'coming', ops: 1 });
    },
  ],
];

async function badMember(): Promise<{ peer: string; node: Libp2p; dial: () => Promise<Stream> }> {
  const key = generateKey();
  house.admit(a, key.peer);
  const node = await outsider(key, house.psk, stops);
  const to = multiaddr(addressOf(a));
  const dial = () => node.dialProtocol(to, SYNC_PROTOCOL, { signal: AbortSignal.timeout(30_000) });
  return { peer: key.peer, node, dial };
}

/** Honest members exchange what they have while the bad ones are at it. Answers how long it took, milliseconds. */
async function honest(name: string): Promise<number> {
  writeBlock(a, `${name}-a`);
  writeBlock(b, `${name}-b`);
  const began = performance.now();
  for (let tries = 0; tries < 5 && !equal([a, b]); tries++) await b.network?.exchanges.now(a.key.peer);
  expect(equal([a, b])).toBe(true);
  return performance.now() - began;
}

describe('bad members', () => {
  it('of every kind at once: each is told off, the honest are served, nothing stays', async () => {
    for (let n = 0; n < 500; n++) writeBlock(a, `held${n}`);
    const members = await Promise.all(BAD.map(async (bad) => ({ bad, member: await badMember() })));
    const streams = await Promise.all(
      members.map(async ({ bad: [, , behave], member }) => {
        const stream = await member.dial();
        return { stream, behaves: Promise.resolve(behave(stream)) };
      }),
    );
    for (let n = 0; n < 5; n++) expect(await honest(`n${n}`)).toBeLessThan(5_000);
    await eventually('all have ended', () => streams.every(({ stream }) => stream.status !== 'open'), 40_000);
    for (const { bad, member } of members) {
      const [name, reason] = bad;
      const last = a.network?.exchanges.last(member.peer);
      expect(`${name}: ${last?.outcome} ${last?.reason}`).toMatch(reason);
    }
    await Promise.all(streams.map(({ behaves }) => behaves));
    await honest('after');
  });

  it('that begin sessions again and again are held to two a second', async () => {
    const { dial } = await badMember();
    const { home } = a.replica;
    const began = performance.now();
    let [asked, answered] = [0, 0];
    while (performance.now() - began < 6_000) {
      const stream = await dial();
      asked += 1;
      const heard = Promise.withResolvers<void>();
      stream.addEventListener('message', () => {
        answered += 1;
        heard.resolve();
      });
      stream.addEventListener('close', () => heard.resolve());
      if (stream.status !== 'open') continue;
      say(stream, { kind: 'hello', version: 1, home, digest: '', registers: new Map(), ops: 0 });
      await heard.promise;
      stream.abort(new Error('again'));
    }
    const seconds = (performance.now() - began) / 1_000;
    expect(answered).toBeLessThanOrEqual(40 + 2 * seconds + 1);
    const { 'sync.too_often': refused = 0, 'sync.busy': busy = 0 } = a.network?.stats() ?? {};
    expect(answered + refused + busy).toBeGreaterThanOrEqual(Math.min(asked, 41) - 1);
    expect(await honest('meanwhile')).toBeLessThan(5_000);
  });
});

it('a comparison tells what differs and brings nothing over', async () => {
  await honest('before');
  const compared = await a.network?.exchanges.now(b.key.peer, 'compare');
  expect(compared).toMatchObject({ outcome: 'equal', difference: [] });
  writeBlock(b, 'only there');
  const result = await a.network?.exchanges.now(b.key.peer, 'compare');
  // Keep-alives are far apart here: nothing else looks at the difference.
  expect(result?.outcome).toBe('compared');
  expect(result?.difference).toEqual([{ author: b.key.peer, behind: 1, ahead: 0, registers: undefined }]);
  expect(equal([a, b])).toBe(false);
  await honest('after');
});
