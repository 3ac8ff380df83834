import { describe, expect, it } from 'vitest';
import { generateKey } from '../../../../src/p2p/keys.ts';
import { STALL_MS } from '../../../../src/p2p/sync/sync-talk.ts';
import { decodeSync, encodeSync } from '../../../../src/p2p/sync/sync-wire.ts';
import { channelPair } from '../../../p2p/channel-pair.ts';
import { House, writeBlock } from '../../../p2p/house.ts';
import { helloOf, pair, session, slowly, strangerOp, sync } from '../../../p2p/sessions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const card = (name: string) => ({ name, prefixes: [], listens: [], macs: [] });

describe('a sync session', () => {
  it('of equals exchanges two messages', async () => {
    const [a, b] = pair();
    const kinds: string[] = [];
    const [left, right] = await sync(a, b, { tap: (message) => kinds.push(kindOf(message)) });
    expect(left.outcome).toBe('equal');
    expect(right.outcome).toBe('equal');
    expect(kinds).toEqual(['hello', 'hello']);
  });

  it('brings ops of both sides over', async () => {
    const [a, b, c] = pair();
    for (let i = 0; i < 20; i++) writeBlock(a, `a${i}`);
    for (let i = 0; i < 30; i++) writeBlock(b, `b${i}`);
    const [left, right] = await sync(a, b);
    expect(left).toMatchObject({ outcome: 'done', opsIn: 30, opsOut: 20, opsRefused: 0 });
    expect(right).toMatchObject({ outcome: 'done', opsIn: 20, opsOut: 30, opsRefused: 0 });
    expect(a.replica.digest).toBe(b.replica.digest);
    await sync(b, c);
    expect(c.replica.digest).toBe(a.replica.digest);
  });

  it('completes the deferred authors in the second pass', async () => {
    const [a, b, c] = pair();
    // Both hold a part of c's chains that the other lacks: two runs of c.
    writeBlock(c, 'first');
    await sync(a, c);
    const later = { ...c, run: '1'.padStart(32, '0') };
    writeBlock(later, 'second');
    writeBlock(c, 'third');
    await sync(b, later);
    writeBlock(a, 'own');
    await sync(a, b);
    expect(a.replica.digest).toBe(b.replica.digest);
    expect(a.replica.size).toBe(b.replica.size);
  });

  it('gives a joiner with an empty store everything, membership first, in chunks within the window', async () => {
    const [a] = pair();
    const house = new House();
    const all = house.routers(2);
    const [founder, second] = all;
    if (founder === undefined || second === undefined) throw new Error('no routers');
    for (let i = 0; i < 1_000; i++) writeBlock(i % 2 === 0 ? founder : second, `d${i}`);
    await sync(founder, second);
    const joiner = house.router();
    house.admit(second, joiner.key.peer);
    let chunks = 0;
    let waiting = 0;
    let most = 0;
    const edges: string[] = [];
    const [left] = await sync(joiner, second, {
      onBatch: (edge) => edges.push(edge),
      tap: (message, side) => {
        if (kindOf(message) === 'ops' && side === 'right') {
          chunks += 1;
          waiting += 1;
          most = Math.max(most, waiting);
        }
        if (kindOf(message) === 'ack' && side === 'left') waiting -= 1;
        expect(message.length).toBeLessThanOrEqual(64 * 1024);
      },
    });
    expect(left).toMatchObject({ outcome: 'done', opsIn: 1_002, opsRefused: 0 });
    expect(joiner.replica.digest).toBe(second.replica.digest);
    expect(edges).toEqual(['begin', 'end']);
    expect(chunks).toBeGreaterThan(3);
    expect(most).toBeLessThanOrEqual(4);
    expect(a.replica.digest).not.toBe(joiner.replica.digest);
  });

  it('brings registers over, and moves the mark only as far as the sync was complete', async () => {
    const [a, b] = pair();
    a.registers.author(a.key, { gen: 1, rev: 1 }, undefined, card('attic'));
    const [left, right] = await sync(a, b);
    expect(left).toMatchObject({ outcome: 'done', registersOut: 1 });
    expect(right).toMatchObject({ outcome: 'done', registersIn: 1 });
    expect(b.registers.digest).toBe(a.registers.digest);
    expect(b.registers.card(a.key.peer)?.name).toBe('attic');
    const [again] = await sync(a, b);
    expect(again.outcome).toBe('equal');
  });

  it('keeps what was admitted when the stream breaks, and goes on from there', async () => {
    const [a, b] = pair();
    for (let i = 0; i < 2_000; i++) writeBlock(a, `d${i}`);
    let ops = 0;
    const [left, right] = channelPair((message) => {
      if (kindOf(message) === 'ops' && ++ops === 3) left.close();
    });
    const results = await Promise.all([
      session(a, left),
      session(b, right).then((result) => {
        right.close();
        return result;
      }),
    ]);
    expect(results[1].outcome).toBe('failed');
    const held = b.replica.size;
    expect(held).toBeGreaterThan(100);
    expect(held).toBeLessThan(2_000);
    const [, resumed] = await sync(a, b);
    expect(resumed.opsIn).toBe(a.replica.size - held);
    expect(b.replica.digest).toBe(a.replica.digest);
  });

  it('ends at the deadline with a peer that stalls', async () => {
    const [a] = pair();
    const clock = new FakeClock();
    const [left] = channelPair();
    const running = session(a, left, { clock });
    await clock.advance(0);
    await clock.advance(STALL_MS);
    const result = await running;
    expect(result.outcome).toBe('failed');
    expect(result.reason).toContain('nothing within');
  });

  it.each([
    ['another home', { home: '0'.repeat(64) }, 'belongs to another home'],
    ['no version', { version: 0 }, 'speaks no version that we know'],
  ])('refuses a hello of %s', async (_, change, reason) => {
    const [a] = pair();
    const [left, right] = channelPair();
    const running = session(a, left);
    const hello = {
      kind: 'hello' as const,
      version: 1,
      home: a.replica.home,
      digest: a.replica.digest,
      registers: new Map(),
      ops: 0,
      ...change,
    };
    await right.send(encodeSync(hello));
    expect(await running).toMatchObject({ outcome: 'failed', reason });
  });

  it.each([
    ['rubbish', Uint8Array.from([0xff, 0xff]), /rubbish/],
    ['ops before heads', encodeSync({ kind: 'ops', envelopes: [] }), /instead of digests/],
  ])('ends with a peer that sends %s', async (_, bytes, reason) => {
    const [a] = pair();
    const [left, right] = channelPair();
    const running = session(a, left);
    await right.send(helloOf(a, 'f'.repeat(64)));
    await right.send(bytes);
    const result = await running;
    expect(result.outcome).toBe('failed');
    expect(result.reason).toMatch(reason);
  });

  it('ends with a peer whose ops are rubbish, and pairs the batch edges', async () => {
    const [a] = pair();
    const edges: string[] = [];
    const before = a.replica.digest;
    const [left, right] = channelPair();
    const running = session(a, left, { onBatch: (edge) => edges.push(edge) });
    await right.send(helloOf(a, 'f'.repeat(64)));
    await right.send(encodeSync({ kind: 'digests', digests: new Map() }));
    await right.send(encodeSync({ kind: 'heads', actors: [], last: true }));
    await right.send(encodeSync({ kind: 'ops', envelopes: [new Uint8Array(100)] }));
    expect(await running).toMatchObject({ outcome: 'failed', reason: 'sends ops that are rubbish' });
    expect(edges).toEqual(['begin', 'end']);
    expect(a.replica.digest).toBe(before);
  });

  it('ends with a peer that sends many ops of strangers, holding none', async () => {
    const [a] = pair();
    const size = a.replica.size;
    const stranger = { ...a, key: generateKey() };
    const elsewhere = new House().router();
    const envelopes = Array.from({ length: 65 }, (_, i) => strangerOp(a, stranger.key, i));
    const [left, right] = channelPair();
    const running = session(a, left);
    await right.send(helloOf(a, elsewhere.replica.digest));
    await right.send(encodeSync({ kind: 'digests', digests: new Map() }));
    await right.send(encodeSync({ kind: 'heads', actors: [], last: true }));
    await right.send(encodeSync({ kind: 'ops', envelopes }));
    expect(await running).toMatchObject({ outcome: 'failed', reason: 'sends ops that cannot be placed' });
    expect(a.replica.size).toBe(size);
  });

  // The slow replica counts a millisecond per verification.
  it('lets the rest of the process run every 10 ms while it verifies', async () => {
    const [a, b] = pair();
    for (let i = 0; i < 200; i++) writeBlock(a, `d${i}`);
    const { clock, replica, slept } = slowly(b.replica);
    await sync(b, a, { clock, replica });
    expect(b.replica.digest).toBe(a.replica.digest);
    expect(slept.length).toBeGreaterThanOrEqual(19);
    expect(slept.every((ms) => ms === 0)).toBe(true);
  });
});

function kindOf(message: Uint8Array): string {
  const decoded = decodeSync(message);
  return decoded.ok ? decoded.value.kind : decoded.why;
}
