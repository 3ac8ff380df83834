import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AliveFrame, decodeAlive, encodeAlive } from '../../../src/p2p/alive/alive-wire.ts';
import { aliveBytes } from './frame-size.ts';

const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const count = fc.oneof(fc.nat(200), fc.nat(), fc.constant(1_700_000_000_000));
const maybeHash = fc.option(hash, { nil: undefined });
const about = fc.record({
  peer: hash,
  ageMs: fc.option(fc.nat(100_000), { nil: undefined }),
  digest: maybeHash,
  applied: maybeHash,
  recent: fc.array(hash, { maxLength: 16 }),
});
const frame: fc.Arbitrary<AliveFrame> = fc.record({
  version: fc.constant(1),
  counter: fc.integer({ min: 1, max: 2 ** 31 }),
  echo: count,
  heldUs: count,
  toleranceMs: count,
  digest: hash,
  registersDigest: hash,
  applied: fc.record({ digest: fc.oneof(hash, fc.constant('')), recent: fc.array(hash, { maxLength: 64 }) }),
  clock: count,
  trusted: fc.boolean(),
  about: fc.array(about, { maxLength: 8 }),
  again: fc.constantFrom(true, undefined),
  remembers: fc.constantFrom(true, undefined),
  asks: fc.array(hash, { maxLength: 64 }),
  shortestMs: count,
  changes: count,
});

describe('the size of a keep-alive', { timeout: 120_000 }, () => {
  it('is what the real encoder makes of it, and the decoder gives it back', () => {
    fc.assert(
      fc.property(frame, (alive) => {
        const bytes = encodeAlive(alive);
        expect(aliveBytes(alive)).toBe(bytes.length);
        expect(decodeAlive(bytes)).toMatchObject({ ok: true, value: alive });
      }),
    );
  });
});
