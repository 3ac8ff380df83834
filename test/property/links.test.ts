import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWanted, LinkChoice, type LinkFacts } from '../../src/p2p/links/link-choice.ts';
import { decodeParting, encodeParting } from '../../src/p2p/links/parting.ts';
import { type AddressSource, PeerDatabase } from '../../src/p2p/links/peer-database.ts';
import { sampleSize } from '../../src/p2p/links/peer-sample.ts';
import { chances, LinkWorld } from './link-world.ts';

/** Other work may be running on the same cores, milliseconds. */
const PATIENCE_MS = 60_000;

const key = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16).padStart(64, '0'));
const source = fc.constantFrom<AddressSource>('answered', 'card', 'identify', 'mdns', 'config', 'home');
const address = fc.oneof(
  fc.string({ maxLength: 600 }),
  fc.tuple(fc.ipV4(), fc.integer({ min: -1, max: 70_000 })).map(([host, port]) => `/ip4/${host}/tcp/${port}`),
  fc.tuple(fc.ipV6(), fc.nat(65_535)).map(([host, port]) => `[${host}]:${port}`),
  fc.domain().map((name) => `${name}:4411`),
  fc.string({ maxLength: 20 }).map((text) => `/ip4/10.0.0.1/tcp/1/p2p/${text}`),
);

describe('the peer database', () => {
  it('takes any words for addresses, keeps a bounded number in a fixed order, and never throws', () => {
    const step = fc.record({
      peer: key,
      source,
      texts: fc.array(address, { maxLength: 20 }),
      after: fc.nat(10_000_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const leaseMs = 3_600_000;
        const database = new PeerDatabase({ links: 3, leaseMs, redrawMs: 600_000, random: chances(seed) });
        const configured = new Set<string>();
        let now = 0;
        for (const { peer, source, texts, after } of steps) {
          now += after;
          database.said(peer, source, texts, now);
          if (source === 'config') configured.add(peer);
          const [first] = texts;
          if (first !== undefined) database.failed(peer, first);
          if (after % 3 === 0) database.expire(now);
          if (after % 5 === 0) database.confirm(peer, now);
          if (after % 7 === 0 && first !== undefined) database.answered(peer, first, now);
          const known = database.addresses(peer, now);
          expect(known.length).toBeLessThanOrEqual(8);
          expect(new Set(known.map((one) => one.text)).size).toBe(known.length);
          expect(database.size).toBeLessThanOrEqual(sampleSize(3, leaseMs, 600_000) + configured.size);
        }
      }),
    );
  });

  it('keeps each peer as likely as any other, however often it is heard of', () => {
    const kept = new Map<number, number>();
    const max = sampleSize(2, 3_600_000, 600_000);
    for (let seed = 0; seed < 400; seed++) {
      const database = new PeerDatabase({
        links: 2,
        leaseMs: 3_600_000,
        redrawMs: 600_000,
        random: chances(seed),
      });
      for (let i = 0; i < 40; i++) {
        // The first ten say so ten times as often.
        for (let k = 0; k < (i < 10 ? 10 : 1); k++)
          database.said(i.toString(16).padStart(64, '0'), 'mdns', [`/ip4/10.0.0.${i}/tcp/1`], k);
      }
      expect(database.size).toBe(max);
      for (let i = 0; i < 40; i++)
        if (database.best(i.toString(16).padStart(64, '0'), 0) !== undefined)
          kept.set(i, (kept.get(i) ?? 0) + 1);
    }
    const expected = (400 * max) / 40;
    for (let i = 0; i < 40; i++) expect(Math.abs((kept.get(i) ?? 0) - expected)).toBeLessThan(0.6 * expected);
  });
});

describe('a parting', () => {
  it('of any bytes is a verdict, and what is said comes over', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const read = decodeParting(bytes);
        if (read.ok) expect(['surplus', 'idle', 'age']).toContain(read.value);
        else expect(read.why).toBe('not a reason to part');
      }),
    );
    for (const parting of ['surplus', 'idle', 'age'] as const)
      expect(decodeParting(encodeParting(parting))).toEqual({ ok: true, value: parting });
  });
});

const facts = (count: number): fc.Arbitrary<LinkFacts[]> =>
  fc
    .array(
      fc.record({
        connected: fc.boolean(),
        age: fc.nat(400_000),
        bytes: fc.oneof(fc.constant(0), fc.nat(1_000_000)),
        soleFor: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat(5)),
        state: fc.constantFrom('alive', 'suspect', 'down', 'pruned', 'left', 'unknown'),
        absent: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
      }),
      { minLength: count, maxLength: count },
    )
    .map((all) =>
      all.map(({ age, soleFor, ...one }, i) => ({
        ...one,
        peer: i.toString(16).padStart(64, '0'),
        ageMs: one.connected ? age : undefined,
        soleFor: one.connected ? soleFor : 0,
      })),
    );

describe('link choice', () => {
  it('wants everybody in a small home, and closes nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 11 }).chain(facts), fc.nat(), (all, seed) => {
        const choice = new LinkChoice({ fullMesh: 12, target: 8, random: chances(seed) });
        const { reasons, close } = choice.look(0, all);
        expect(close).toEqual([]);
        for (const one of all) {
          const wanted = isWanted(reasons.get(one.peer) ?? 'dead');
          if (one.connected || (!one.absent && one.state !== 'left')) expect(wanted).toBe(true);
          if (!one.connected && one.state === 'left') expect(wanted).toBe(false);
        }
      }),
    );
  });

  it('holds its measure in a large one, whatever it is told look after look', () => {
    const looks = fc
      .integer({ min: 13, max: 60 })
      .chain((n) => fc.array(facts(n), { minLength: 1, maxLength: 12 }));
    fc.assert(
      fc.property(looks, fc.nat(), (all, seed) => {
        const target = 8;
        const choice = new LinkChoice({ fullMesh: 12, target, random: chances(seed) });
        let now = 0;
        let closedAt = Number.NEGATIVE_INFINITY;
        for (const look of all) {
          now += 1_000;
          const { reasons, close } = choice.look(now, look);
          const of = new Map(look.map((one) => [one.peer, one]));
          const links = look.filter((one) => one.connected);
          expect(reasons.size).toBe(look.length);
          if (look.filter((one) => one.connected || (!one.absent && one.state !== 'left')).length < 12)
            continue;
          const sought = look.filter((one) => !one.connected && isWanted(reasons.get(one.peer) ?? 'dead'));
          expect(sought.length).toBeLessThanOrEqual(target + 2);
          for (const one of sought) expect(one.state).not.toBe('left');
          for (const peer of close) {
            expect(of.get(peer)?.connected).toBe(true);
            expect(reasons.get(peer)).not.toBe('required');
          }
          if (links.length <= 2 * target) {
            expect(close.length).toBeLessThanOrEqual(1);
            if (close.length > 0) {
              expect(now - closedAt).toBeGreaterThanOrEqual(30_000);
              expect(links.length).toBeGreaterThan(1.5 * target);
              expect(reasons.get(close[0] ?? '')).toBe('surplus');
              closedAt = now;
            }
          } else {
            const required = links.filter((one) => reasons.get(one.peer) === 'required').length;
            expect(links.length - close.length).toBeLessThanOrEqual(Math.max(2 * target, required));
          }
        }
      }),
    );
  });

  it(
    'of many makes one graph, with degrees inside their bound, while the least used links go',
    () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 20, max: 60 }),
          fc.integer({ min: 2, max: 20 }),
          fc.nat(),
          (agents, cluster, seed) => {
            // Nearly all traffic is inside clusters: usefulness alone would cut the graph along them.
            const bytes = (a: number, b: number) =>
              Math.floor(a / cluster) === Math.floor(b / cluster) ? 1_000 : 0;
            const world = new LinkWorld({ agents, fullMesh: 12, target: 8, random: chances(seed), bytes });
            for (let i = 0; i < 60; i++) {
              world.look(10_000);
              expect(world.isConnected()).toBe(true);
              expect(Math.max(...world.degrees())).toBeLessThanOrEqual(17);
            }
            expect(Math.min(...world.degrees())).toBeGreaterThanOrEqual(7);
          },
        ),
        { numRuns: 5 },
      );
    },
    PATIENCE_MS,
  );

  it(
    'of 300 makes one graph, also after a third of them died and came back',
    () => {
      const world = new LinkWorld({
        agents: 300,
        fullMesh: 12,
        target: 8,
        random: chances(7),
        bytes: () => 1,
      });
      for (let i = 0; i < 12; i++) world.look(10_000);
      expect(world.isConnected()).toBe(true);
      for (let i = 0; i < 300; i += 3) world.kill(i);
      for (let i = 0; i < 6; i++) world.look(10_000);
      expect(world.isConnected()).toBe(true);
      expect(Math.min(...world.degrees())).toBeGreaterThanOrEqual(7);
      for (let i = 0; i < 300; i += 3) world.revive(i);
      for (let i = 0; i < 6; i++) world.look(10_000);
      expect(world.isConnected()).toBe(true);
    },
    PATIENCE_MS,
  );
});
