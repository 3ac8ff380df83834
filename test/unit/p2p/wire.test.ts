import { describe, expect, it } from 'vitest';
import { type AliveFrame, decodeAlive, encodeAlive, MAX_ALIVE } from '../../../src/p2p/alive/alive-wire.ts';
import { Asked } from '../../../src/p2p/alive/asked.ts';
import { FrameReader, frame } from '../../../src/p2p/frames.ts';
import type { Sent } from '../../../src/p2p/sync/sync-talk.ts';
import { decodeSync, encodeSync } from '../../../src/p2p/sync/sync-wire.ts';
import { Writer } from '../../../src/policy/codec.ts';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);
const RUN = '0c'.repeat(16);

const messages: Sent[] = [
  {
    kind: 'hello',
    version: 1,
    home: A,
    digest: B,
    registers: new Map([[A, { gen: 1, rev: 7 }]]),
    ops: 73_000,
  },
  { kind: 'hello', version: 1, home: A, digest: '', registers: new Map(), ops: 0 },
  { kind: 'digests', digests: new Map([[A, B]]) },
  { kind: 'digests', digests: new Map([[A, B]]), more: true },
  { kind: 'heads', actors: [{ peer: A, run: RUN, heads: [{ id: B, seq: 3 }] }], last: false },
  { kind: 'heads', actors: [], last: true },
  { kind: 'coming', ops: 73_000 },
  { kind: 'ops', envelopes: [Uint8Array.of(1, 2), Uint8Array.of(3)] },
  { kind: 'ops-end', pass: 2 },
  { kind: 'registers', peer: A, envelopes: [Uint8Array.of(9)], last: true },
  { kind: 'registers-end' },
  { kind: 'ack', count: 300 },
];

const alive: AliveFrame = {
  version: 1,
  counter: 5,
  echo: 4,
  heldUs: 1_500_000,
  toleranceMs: 6_000,
  digest: A,
  registersDigest: B,
  applied: { digest: A, recent: [B, A] },
  clock: 1_700_000_000_123,
  trusted: true,
  about: [
    { peer: A, ageMs: 0, digest: B, applied: '', recent: [A, B] },
    { peer: B, ageMs: 1_500, digest: undefined, applied: undefined, recent: [] },
  ],
  asks: [B, A],
  remembers: true,
  shortestMs: 1_000,
  changes: 73_000,
  enforcement: { state: 'suspended', secondsLeft: 540 },
};

describe('sync messages', () => {
  it.each(messages)('$kind comes back as it went', (message) => {
    expect(decodeSync(encodeSync(message))).toEqual({ ok: true, value: message });
  });

  it('of a later version are ignored, as are fields that it added', () => {
    expect(decodeSync(new Writer().bytes(99, Uint8Array.of()).finish())).toEqual({
      ok: true,
      value: { kind: 'unknown' },
    });
    const ack = new Writer().number(1, 7).text(42, 'new').finish();
    const later = new Writer().bytes(8, ack).text(77, 'new').finish();
    expect(decodeSync(later)).toEqual({ ok: true, value: { kind: 'ack', count: 7 } });
  });

  it.each([
    ['bytes that are no message', Uint8Array.of(0xff)],
    ['a number for a message', new Writer().number(1, 5).finish()],
    ['a hello without a home', new Writer().bytes(1, Uint8Array.of()).finish()],
    [
      'a digest of another length',
      new Writer()
        .bytes(1, new Writer().bytes(2, new Uint8Array(32)).bytes(3, new Uint8Array(31)).finish())
        .finish(),
    ],
    [
      'one peer twice',
      encodeTwice(new Writer().bytes(1, new Uint8Array(32)).bytes(2, new Uint8Array(32)).finish()),
    ],
    [
      'a head without a run',
      new Writer().bytes(3, new Writer().bytes(1, new Uint8Array(4)).finish()).finish(),
    ],
    ['registers of nobody', new Writer().bytes(6, Uint8Array.of()).finish()],
  ])('%s are refused', (_, bytes) => {
    expect(decodeSync(bytes).ok).toBe(false);
  });
});

describe('keep-alives', () => {
  it('come back as they went', () => {
    expect(decodeAlive(encodeAlive(alive))).toEqual({ ok: true, value: alive });
    const applied = { digest: '', recent: [] };
    const quiet = { about: [], asks: [], again: true, remembers: undefined, shortestMs: 0, changes: 0 };
    const first = { ...alive, ...quiet, echo: 0, heldUs: 0, applied, clock: 0, trusted: false };
    expect(decodeAlive(encodeAlive(first))).toEqual({ ok: true, value: first });
    for (const state of ['enforces', 'observes', 'cleared'] as const) {
      const said = { ...first, enforcement: { state, secondsLeft: undefined } };
      expect(decodeAlive(encodeAlive(said))).toEqual({ ok: true, value: said });
    }
  });

  it('say of enforcement nothing that this version does not know', () => {
    const later = new Writer()
      .number(1, 1)
      .number(2, 7)
      .number(5, 6_000)
      .number(18, 9)
      .number(19, 1)
      .finish();
    const read = decodeAlive(later);
    expect(read.ok && read.value.enforcement).toBeUndefined();
  });

  it('fit into their longest when they say as much as they may', () => {
    const key = (i: number) => i.toString(16).padStart(64, '0');
    const keys = (from: number, count: number) => Array.from({ length: count }, (_, i) => key(from + i));
    const asked = new Asked();
    asked.ask(keys(0, 64));
    const knowledge = { ageMs: 6_000, digest: A, applied: B, recent: keys(1_000, 16), told: 16 };
    const most = Number.MAX_SAFE_INTEGER;
    const full = encodeAlive({
      version: most,
      counter: most,
      echo: most,
      heldUs: most,
      toleranceMs: most,
      digest: A,
      registersDigest: B,
      applied: { digest: A, recent: keys(2_000, 64) },
      clock: most,
      trusted: true,
      about: asked.answers(() => knowledge, 0, 0),
      asks: keys(3_000, 64),
      again: true,
      remembers: true,
      shortestMs: most,
      changes: most,
      enforcement: { state: 'suspended', secondsLeft: most },
    });
    expect(full.length).toBeLessThanOrEqual(MAX_ALIVE);
    expect(decodeAlive(full).ok).toBe(true);
  });

  it('of a version that says neither who is asked for nor what it can are understood, as are fields of a later one', () => {
    const old = new Writer().number(1, 1).number(2, 7).number(5, 6_000).finish();
    const read = decodeAlive(old);
    expect(read.ok && read.value).toMatchObject({ about: [], asks: [], shortestMs: 0, changes: 0 });
    const later = new Writer().number(2, 7).number(15, 3).text(18, 'new').number(99, 1).finish();
    expect(decodeAlive(later)).toMatchObject({ ok: true, value: { counter: 7, changes: 3 } });
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['no counter', new Writer().number(1, 1).finish()],
    ['an op of another length', new Writer().number(2, 1).bytes(9, new Uint8Array(31)).finish()],
    [
      'too many ops',
      new Writer()
        .number(2, 1)
        .each(9, Array(65).fill(new Uint8Array(32)))
        .finish(),
    ],
    ['a digest of another length', new Writer().number(2, 1).bytes(6, new Uint8Array(5)).finish()],
    ['a question about nobody', new Writer().number(2, 1).bytes(13, new Uint8Array(0)).finish()],
    [
      'too many questions',
      new Writer()
        .number(2, 1)
        .each(13, Array(65).fill(new Uint8Array(32)))
        .finish(),
    ],
    ['a witness of nobody', new Writer().number(2, 1).bytes(12, new Writer().number(2, 5).finish()).finish()],
    ['a witness that is no message', new Writer().number(2, 1).bytes(12, Uint8Array.of(0xff)).finish()],
    [
      'a witness of an op of another length',
      new Writer()
        .number(2, 1)
        .bytes(12, new Writer().bytes(1, new Uint8Array(32)).bytes(5, new Uint8Array(3)).finish())
        .finish(),
    ],
  ])('with %s are refused', (_, bytes) => {
    expect(decodeAlive(bytes).ok).toBe(false);
  });
});

describe('frames', () => {
  it('come out of any cutting of the stream', () => {
    const sent = [
      new Uint8Array(0),
      new Uint8Array(1).fill(1),
      new Uint8Array(300).fill(2),
      new Uint8Array(70_000),
    ];
    const stream = Buffer.concat(sent.map(frame));
    for (const step of [1, 2, 7, 299, 100_000]) {
      const reader = new FrameReader();
      const got: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += step)
        got.push(...reader.push(stream.subarray(at, at + step)));
      expect(got.map((message) => message.length)).toEqual([0, 1, 300, 70_000]);
      expect(reader.pending).toBe(0);
    }
  });

  it('that are too large break the reader before they are stored', () => {
    for (const bytes of [frame(new Uint8Array(101)), Uint8Array.of(0xff, 0xff, 0xff, 0xff)]) {
      const reader = new FrameReader(100);
      expect(reader.push(frame(new Uint8Array(100)))).toHaveLength(1);
      expect(reader.push(bytes)).toEqual([]);
      expect(reader.broken).toBe(true);
      expect(reader.pending).toBe(0);
      expect(reader.push(frame(Uint8Array.of(1)))).toEqual([]);
    }
  });
});

function encodeTwice(entry: Uint8Array): Uint8Array {
  return new Writer().bytes(2, new Writer().each(1, [entry, entry]).finish()).finish();
}
