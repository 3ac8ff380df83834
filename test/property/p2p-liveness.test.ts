import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { type AliveFrame, decodeAlive, encodeAlive, MAX_ALIVE } from '../../src/p2p/alive/alive-wire.ts';
import { Liveness, SHORTEST_MS } from '../../src/p2p/alive/liveness.ts';
import { MAX_TOLERANCE_MS, MIN_TOLERANCE_MS } from '../../src/p2p/alive/tolerances.ts';
import { RUBBISH } from '../support/rubbish.ts';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('hex'));
const digest = fc.oneof(key, fc.constant(''));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const about = fc.record({
  peer: key,
  ageMs: maybe(fc.nat()),
  digest: maybe(digest),
  applied: maybe(digest),
  recent: fc.array(key, { maxLength: 16 }),
});
const alive: fc.Arbitrary<AliveFrame> = fc.record({
  version: fc.nat(),
  counter: fc.integer({ min: 1, max: 2 ** 31 }),
  echo: fc.nat(),
  heldUs: fc.nat(),
  toleranceMs: fc.nat(),
  digest,
  registersDigest: digest,
  applied: fc.record({ digest, recent: fc.array(key, { maxLength: 64 }) }),
  clock: fc.maxSafeNat(),
  trusted: fc.boolean(),
  about: fc.array(about, { maxLength: 8 }),
  again: fc.constantFrom(true, undefined),
  remembers: fc.constantFrom(true, undefined),
  asks: fc.array(key, { maxLength: 64 }),
  shortestMs: fc.maxSafeNat(),
  changes: fc.maxSafeNat(),
});

describe('keep-alives', () => {
  it('come back as they went, in a frame', () => {
    fc.assert(
      fc.property(alive, (sent) => {
        const bytes = encodeAlive(sent);
        expect(bytes.length).toBeLessThanOrEqual(MAX_ALIVE);
        expect(decodeAlive(bytes)).toEqual({ ok: true, value: sent });
      }),
      { numRuns: 100 },
    );
  }, 30_000);

  it(
    'that were spoilt are a verdict, and what is believed of them is within bounds',
    () => {
      const samples = fc.sample(alive, 50).map(encodeAlive);
      const spoilt = fc.tuple(
        fc.nat(samples.length - 1),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      );
      fc.assert(
        fc.property(spoilt, fc.nat(), ([which, changes], length) => {
          const bytes = Uint8Array.from(samples[which] ?? []);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const read = decodeAlive(
            bytes.subarray(0, length % 4 === 0 ? length % bytes.length : bytes.length),
          );
          if (!read.ok) return;
          if (read.value.asks.length > 64 || read.value.about.length > 64) throw new Error('too many');
          const liveness = new Liveness(fixed);
          liveness.announced('a', read.value.toleranceMs, read.value.shortestMs);
          for (const { peer, ageMs } of read.value.about) liveness.witness('a', peer, ageMs ?? Number.NaN);
          const interval = liveness.intervalFor('a');
          const tolerance = liveness.toleranceOf('a');
          if (!(interval >= SHORTEST_MS && interval <= MAX_TOLERANCE_MS / 4)) throw new Error(`${interval}`);
          if (!(tolerance >= MIN_TOLERANCE_MS && tolerance <= MAX_TOLERANCE_MS))
            throw new Error(`${tolerance}`);
        }),
        { numRuns: RUBBISH },
      );
    },
    60_000 + RUBBISH * 2,
  );
});

const fixed = clockAt(() => 0);

function clockAt(now: () => number): Clock {
  return { now, monotonic: now, after: () => ({ clear: () => {} }), sleep: async () => {} };
}

const PEERS = ['a', 'b', 'c'];
const WITNESSES = ['v', 'w'];
const KEEP_DOWN_MS = 5_000;

type Deed =
  | { readonly kind: 'wait' | 'stall'; readonly ms: number }
  | { readonly kind: 'heard' | 'refused' | 'lost' | 'released' | 'forget'; readonly peer: string }
  | { readonly kind: 'witness'; readonly peer: string; readonly by: string; readonly ageMs: number }
  | { readonly kind: 'announced'; readonly peer: string; readonly ms: number; readonly shortest: number }
  | { readonly kind: 'tolerance'; readonly peer: string; readonly ms: number | undefined };

const peer = fc.constantFrom(...PEERS);
const anyMs = fc.oneof(fc.double(), fc.nat(60_000), fc.integer({ min: -10, max: 20_000 }));
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(2_500) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const), ms: fc.nat(100_000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('heard' as const), peer }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('refused' as const, 'lost' as const, 'forget' as const),
      peer,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('released' as const), peer }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('witness' as const),
      peer,
      by: fc.constantFrom(...WITNESSES),
      ageMs: anyMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('announced' as const), peer, ms: anyMs, shortest: anyMs }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tolerance' as const), peer, ms: maybe(anyMs) }) },
);

/** What the laws need to know of a peer: when it was heard, and told of, on the awake clock. */
interface Seen {
  heard: number;
  told: number;
  downSince: number;
}

/** Cheaper than an expectation: there are millions. */
function law(name: string, holds: boolean): void {
  if (!holds) throw new Error(name);
}

describe('liveness', () => {
  it('keeps its laws whatever happens', () => {
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 80 }), (deeds) => {
        let now = 0;
        const liveness = new Liveness(
          clockAt(() => now),
          { keepDownMs: KEEP_DOWN_MS },
        );
        liveness.members(PEERS);
        const seen = new Map<string, Seen>();
        const of = (one: string) => {
          const known = seen.get(one) ?? { heard: -Infinity, told: -Infinity, downSince: Infinity };
          seen.set(one, known);
          return known;
        };
        const tick = () => {
          const before = new Map(PEERS.map((one) => [one, liveness.of(one)]));
          const { suspect, down, pruned, silent } = liveness.tick();
          const awake = liveness.awake;
          for (const one of PEERS) {
            const { heard, told } = of(one);
            const { state, heardBy, toleranceMs } = liveness.of(one);
            const silence = awake - heard;
            // Never down while there was any sign of life within the tolerance, or a good word of a witness.
            if (down.includes(one)) {
              law('down only after the tolerance', silence > toleranceMs);
              law('down only when nobody else hears it', awake - told >= toleranceMs / 3);
              of(one).downSince = awake;
            }
            if (silent.includes(one)) law('links live as long as the tolerance', silence > toleranceMs);
            if (suspect.includes(one)) law('suspect only after half of it', silence > toleranceMs / 2);
            if (pruned.includes(one))
              law('pruned only after the grace time', awake - of(one).downSince >= KEEP_DOWN_MS);
            if (state === 'alive') law('alive is heard by ourselves', silence <= toleranceMs / 2);
            if (state === 'suspect') law('suspects are asked for', liveness.asks().includes(one));
            law('heard by others is suspect', heardBy === undefined || state === 'suspect');
            if (before.get(one)?.state === 'alive' && state === 'down')
              law('suspect before it is down', suspect.includes(one) && down.includes(one));
            law('tolerances are clamped', toleranceMs >= MIN_TOLERANCE_MS && toleranceMs <= MAX_TOLERANCE_MS);
            law('nobody sends more often than it can', liveness.intervalFor(one) >= SHORTEST_MS);
          }
          law(
            'only members are asked for',
            liveness.asks().every((one) => PEERS.includes(one)),
          );
        };
        for (const done of deeds) {
          switch (done.kind) {
            case 'wait':
              for (let t = 0; t < done.ms; t += 100) {
                now += 100;
                tick();
              }
              break;
            case 'stall':
              now += done.ms;
              tick();
              break;
            case 'heard':
              liveness.heard(done.peer);
              of(done.peer).heard = liveness.awake;
              // Only answers after the suspicion count.
              of(done.peer).told = -Infinity;
              expect(liveness.of(done.peer).state).toBe('alive');
              break;
            case 'witness': {
              const alive = liveness.of(done.peer).state === 'alive';
              liveness.witness(done.by, done.peer, done.ageMs);
              if (!alive && done.ageMs >= 0)
                of(done.peer).told = Math.max(of(done.peer).told, liveness.awake - done.ageMs);
              break;
            }
            case 'announced':
              liveness.announced(done.peer, done.ms, done.shortest);
              break;
            case 'tolerance':
              liveness.setTolerance(done.peer, done.ms);
              break;
            case 'forget':
              liveness.forget(done.peer);
              seen.delete(done.peer);
              expect(liveness.of(done.peer).state).toBe('unknown');
              break;
            default:
              liveness[done.kind](done.peer);
          }
        }
        // Whatever was, a sign of life makes it alive, and silence makes it down.
        for (const one of PEERS) {
          liveness.setTolerance(one, undefined);
          liveness.announced(one, 6_000, 0);
          liveness.heard(one);
          of(one).heard = liveness.awake;
          of(one).told = -Infinity;
        }
        for (let t = 0; t <= 6_500; t += 100) {
          now += 100;
          tick();
        }
        expect(PEERS.map((one) => liveness.of(one).state)).toEqual(['down', 'down', 'down']);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);
});
