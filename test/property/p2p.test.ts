import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/p2p/addresses.ts';
import { decodeAlive } from '../../src/p2p/alive/alive-wire.ts';
import { PeerClocks } from '../../src/p2p/clocks.ts';
import { FrameReader, frame } from '../../src/p2p/frames.ts';
import { parsePeerId } from '../../src/p2p/identity.ts';
import { PresenceTable } from '../../src/p2p/presence/presence-table.ts';
import {
  decodePresence,
  encodeClaim,
  encodePresence,
  type PresenceMessage,
  type ToldClaim,
} from '../../src/p2p/presence/presence-wire.ts';
import {
  type Answer,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
} from '../../src/p2p/question-wire.ts';
import { type SessionResult, syncSession } from '../../src/p2p/sync/sync-session.ts';
import type { Sent } from '../../src/p2p/sync/sync-talk.ts';
import { decodeSync, encodeSync } from '../../src/p2p/sync/sync-wire.ts';
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
    more: fc.constantFrom(true, undefined),
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
        expect(typeof decodePresence(raw).ok).toBe('boolean');
        expect(typeof decodeQuestion(raw).ok).toBe('boolean');
        expect(typeof decodeAnswer(raw).ok).toBe('boolean');
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
});

const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  // Neither a group of receivers nor nobody.
  .filter((raw) => ((raw[0] ?? 0) & 1) === 0 && raw.some((byte) => byte !== 0))
  .map((raw) => [...raw].map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
const plain = fc.stringMatching(/^[a-z0-9 ]{1,20}$/);
const claim: fc.Arbitrary<ToldClaim> = fc.record({
  mac,
  about: fc.option(
    fc.record({
      addresses: fc.array(fc.record({ address: fc.ipV4(), segment: fc.constant('0123456789ab/br-lan') }), {
        maxLength: 16,
      }),
      names: fc.array(plain, { maxLength: 8 }),
    }),
    { nil: undefined },
  ),
  stay: fc.option(fc.record({ sinceMs: count, seenMs: count }), { nil: undefined }),
  bytes: fc.option(fc.record({ up: fc.maxSafeNat(), down: fc.maxSafeNat() }), { nil: undefined }),
});
const presence = fc.record({
  version: count,
  seq: fc.integer({ min: 1 }),
  anew: fc.boolean(),
  claims: fc.array(claim, { maxLength: 5 }),
  gone: fc.array(mac, { maxLength: 5 }),
  end: fc.nat(20),
  again: fc.boolean(),
});
const packed = (sent: PresenceMessage) => encodePresence({ ...sent, claims: sent.claims.map(encodeClaim) });

describe('presence', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(presence, (sent) => {
        expect(decodePresence(packed(sent))).toEqual({ ok: true, value: sent });
      }),
    );
  });

  it('with a flipped bit or a cut end is a verdict', () => {
    fc.assert(
      fc.property(presence, fc.nat(), fc.nat(7), fc.nat(), (sent, at, bit, length) => {
        const raw = packed(sent).slice();
        raw[at % raw.length] = (raw[at % raw.length] ?? 0) ^ (1 << bit);
        expect(typeof decodePresence(raw.subarray(0, length % (raw.length + 1))).ok).toBe('boolean');
      }),
      { numRuns: 2_000 },
    );
  });

  it('of any kind is kept within bounds, in finite times, and goes with its peer', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b'), presence), { maxLength: 30 }), (messages) => {
        const table = new PresenceTable(new FakeClock(), (of) => of);
        for (const [peer, message] of messages) expect(['ok', 'gap']).toContain(table.take(peer, message));
        for (const peer of table.peers()) {
          const told = messages.filter(([from]) => from === peer).flatMap(([, { claims }]) => claims);
          const held = table.of(peer);
          expect(held.length).toBeLessThanOrEqual(new Set(told.map((each) => each.mac)).size);
          for (const { about, stay } of held) {
            expect(about.macs).toHaveLength(1);
            expect(about.node).toBe(about.macs[0]);
            if (stay !== undefined)
              expect(Number.isFinite(stay.since) && Number.isFinite(stay.seen)).toBe(true);
          }
          table.forget(peer);
        }
        expect(table.peers()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('questions and answers', () => {
  const text = fc.string({ minLength: 1, maxLength: 50, unit: 'grapheme-ascii' });

  it('come back as they went', () => {
    const question = fc.record({ version: count, view: text, params: fc.json() });
    fc.assert(
      fc.property(question, (sent) => {
        expect(decodeQuestion(encodeQuestion(sent))).toEqual({ ok: true, value: sent });
      }),
    );
    const answer: fc.Arbitrary<Answer> = fc.oneof(
      fc.record({ kind: fc.constant('view' as const), json: fc.json() }),
      fc.record({
        kind: fc.constant('refused' as const),
        why: fc.record({
          name: fc.constant('UsageError'),
          message: text,
          hint: fc.option(text, { nil: undefined }),
          exitCode: fc.integer({ min: 1, max: 255 }),
        }),
      }),
    );
    fc.assert(
      fc.property(answer, (sent) => {
        expect(decodeAnswer(encodeAnswer(sent))).toEqual({ ok: true, value: sent });
      }),
    );
  });

  it('that refuse drive no terminal, whatever they say', () => {
    const nasty = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(nasty, nasty, nasty, fc.nat(), (name, message, hint, exitCode) => {
        const read = decodeAnswer(encodeAnswer({ kind: 'refused', why: { name, message, hint, exitCode } }));
        if (!read.ok || read.value.kind !== 'refused') return;
        const { why } = read.value;
        expect(`${why.name}${why.message}${why.hint ?? ''}`).not.toMatch(/\p{C}/u);
        expect(why.exitCode).toBeGreaterThan(0);
        expect(why.exitCode).toBeLessThan(256);
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
