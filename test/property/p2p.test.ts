import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/p2p/addresses.ts';
import { decodeAlive, encodeAlive } from '../../src/p2p/alive-wire.ts';
import { PeerClocks } from '../../src/p2p/clocks.ts';
import { FrameReader, frame } from '../../src/p2p/frames.ts';
import { parsePeerId } from '../../src/p2p/identity.ts';
import { type SessionResult, syncSession } from '../../src/p2p/sync-session.ts';
import type { Sent } from '../../src/p2p/sync-talk.ts';
import { decodeSync, encodeSync } from '../../src/p2p/sync-wire.ts';
import { channelPair, type End } from '../p2p/channel-pair.ts';
import { House, type Router, writeBlock } from '../p2p/house.ts';
import { FakeClock } from '../support/fake-clock.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('hex'));
const run = key.map((text) => text.slice(0, 32));
const count = fc.nat();
const digest = fc.oneof(key, fc.constant(''));
const envelopes = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });

const message: fc.Arbitrary<Sent> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    version: count,
    home: key,
    digest,
    registers: fc
      .array(fc.tuple(key, fc.record({ gen: count, rev: count })), { maxLength: 4 })
      .map((all) => new Map(all)),
    ops: fc.maxSafeNat(),
  }),
  fc.record({
    kind: fc.constant('digests' as const),
    digests: fc.array(fc.tuple(key, key), { maxLength: 4 }).map((all) => new Map(all)),
  }),
  fc.record({
    kind: fc.constant('heads' as const),
    actors: fc.array(
      fc.record({
        peer: key,
        run,
        heads: fc.array(fc.record({ id: key, seq: fc.integer({ min: 1, max: 2 ** 31 }) }), { maxLength: 3 }),
      }),
      { maxLength: 4 },
    ),
    last: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('coming' as const), ops: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('ops' as const), envelopes }),
  fc.record({ kind: fc.constant('ops-end' as const), pass: fc.nat(3) }),
  fc.record({ kind: fc.constant('registers' as const), peer: key, envelopes, last: fc.boolean() }),
  fc.constant({ kind: 'registers-end' as const }),
  fc.record({ kind: fc.constant('ack' as const), count: fc.nat(5) }),
);

describe('wire messages', () => {
  it('of any bytes are a verdict, never an exception', () => {
    fc.assert(
      fc.property(bytes, (raw) => {
        expect(typeof decodeSync(raw).ok).toBe('boolean');
        expect(typeof decodeAlive(raw).ok).toBe('boolean');
      }),
      { numRuns: 5_000 },
    );
  });

  it('of sync come back as they went', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decodeSync(encodeSync(sent))).toEqual({ ok: true, value: sent });
      }),
      { numRuns: 1_000 },
    );
  });

  it('with a flipped bit or a cut end are a verdict', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(7), fc.nat(), (sent, at, bit, length) => {
        const raw = encodeSync(sent).slice();
        if (raw.length > 0) raw[at % raw.length] = (raw[at % raw.length] ?? 0) ^ (1 << bit);
        expect(typeof decodeSync(raw.subarray(0, length % (raw.length + 1))).ok).toBe('boolean');
      }),
      { numRuns: 2_000 },
    );
  });

  it('of keep-alives come back as they went', () => {
    const alive = fc.record({
      version: count,
      counter: fc.integer({ min: 1, max: 2 ** 31 }),
      echo: count,
      heldUs: count,
      toleranceMs: count,
      digest,
      registersDigest: digest,
      applied: fc.record({ digest, recent: fc.array(key, { maxLength: 64 }) }),
      clock: fc.maxSafeNat(),
      trusted: fc.boolean(),
    });
    fc.assert(
      fc.property(alive, (sent) => {
        expect(decodeAlive(encodeAlive(sent))).toEqual({ ok: true, value: sent });
      }),
    );
  });
});

describe('frames', () => {
  it('of any bytes in any pieces never throw and never hold more than one frame', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 }), (pieces) => {
        const reader = new FrameReader(500);
        for (const piece of pieces) {
          for (const got of reader.push(piece)) expect(got.length).toBeLessThanOrEqual(500);
          expect(reader.pending).toBeLessThanOrEqual(502);
        }
      }),
    );
  });

  it('come out of any cutting', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), fc.integer({ min: 1, max: 400 }), (sent, step) => {
        const stream = Buffer.concat(sent.map((one) => frame(one)));
        const reader = new FrameReader();
        const got: Uint8Array[] = [];
        for (let at = 0; at < stream.length; at += step)
          got.push(...reader.push(stream.subarray(at, at + step)));
        expect(got.map((one) => [...one])).toEqual(sent.map((one) => [...one]));
      }),
    );
  });
});

it('of any clock that a peer claims the offset is a time, or not there', () => {
  const claim = fc.record({ clock: fc.maxSafeNat(), trusted: fc.boolean() });
  fc.assert(
    fc.property(
      claim,
      fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
      (said, rtt) => {
        const clock = new FakeClock();
        const clocks = new PeerClocks(clock);
        clocks.heard('peer', said, rtt);
        const offset = clocks.of('peer')?.offsetMs;
        if (offset !== undefined) expect(Number.isSafeInteger(offset)).toBe(true);
      },
    ),
  );
});

it('addresses and peer ids of any text are a verdict', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('/', 'ip4', 'ip6', 'tcp', 'p2p', 'memory', '1', '::', '[', ']', ':', 'dns'))
      .map((all) => all.join('')),
    fc.tuple(fc.ipV6(), fc.nat(99_999)).map(([host, port]) => `[${host}]:${port}`),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(text, (any) => {
      const address = parseAddress(any);
      if (address !== undefined) expect(parseAddress(address.text)?.text).toBe(address.text);
      parsePeerId(any);
    }),
    { numRuns: 3_000 },
  );
});

describe('a sync session', () => {
  const start = (router: Router, channel: End): Promise<SessionResult> =>
    syncSession(channel, {
      replica: router.replica,
      registers: router.registers,
      clock: new FakeClock(),
      signal: new AbortController().signal,
    });

  it('with a peer that says anything in any order ends with a verdict and loses nothing', async () => {
    const [router] = new House().routers(2);
    if (router === undefined) throw new Error('no router');
    writeBlock(router, 'held');
    const { digest } = router.replica;
    const hello: Sent = {
      kind: 'hello',
      version: 1,
      home: router.replica.home,
      digest: '',
      registers: new Map(),
      ops: 0,
    };
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.oneof(message.map(encodeSync), bytes), { maxLength: 12 }),
        async (polite, said) => {
          const [ours, theirs] = channelPair();
          const running = start(router, ours);
          if (polite) await theirs.send(encodeSync(hello));
          for (const raw of said) await theirs.send(raw);
          theirs.close();
          const result = await running;
          expect(['equal', 'done', 'failed']).toContain(result.outcome);
          expect(router.replica.digest).toBe(digest);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('that is cut anywhere loses nothing, and the next one makes both equal', async () => {
    const house = new House();
    await fc.assert(
      fc.asyncProperty(fc.nat(6), fc.nat(6), fc.nat(25), async (mine, yours, cut) => {
        const [founder, a, b] = house.routers(3);
        if (founder === undefined || a === undefined || b === undefined) throw new Error('no routers');
        for (let i = 0; i < mine; i++) writeBlock(a, `a${i}`);
        for (let i = 0; i < yours; i++) writeBlock(b, `b${i}`);
        const sizes = [a.replica.size, b.replica.size] as const;
        let passed = 0;
        const [left, right] = channelPair(() => {
          if (++passed <= cut) return;
          left.close();
          right.close();
        });
        await Promise.all([close(start(a, left), left), close(start(b, right), right)]);
        expect(a.replica.size).toBeGreaterThanOrEqual(sizes[0]);
        expect(b.replica.size).toBeGreaterThanOrEqual(sizes[1]);
        const [again, there] = channelPair();
        await Promise.all([close(start(a, again), again), close(start(b, there), there)]);
        expect(a.replica.digest).toBe(b.replica.digest);
        expect(a.replica.size).toBe(sizes[0] + yours);
      }),
      { numRuns: 60 },
    );
  });
});

async function close(running: Promise<SessionResult>, end: End): Promise<SessionResult> {
  const result = await running;
  end.close();
  return result;
}
