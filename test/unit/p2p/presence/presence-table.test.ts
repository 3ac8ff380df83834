import { beforeEach, describe, expect, it } from 'vitest';
import { PresenceFeed } from '../../../../src/p2p/presence/presence-feed.ts';
import { statementOf } from '../../../../src/p2p/presence/presence-statement.ts';
import { PresenceTable } from '../../../../src/p2p/presence/presence-table.ts';
import {
  decodePresence,
  type PresenceMessage,
  type ToldClaim,
} from '../../../../src/p2p/presence/presence-wire.ts';
import type { PresenceClaim } from '../../../../src/policy/presence.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const MAC = '02:00:00:00:00:01';
const about = { addresses: [{ address: '192.168.1.20', segment: 'attic/br-lan' }], names: ['tv'] };

let clock = new FakeClock();
let table = new PresenceTable(clock, (mac) => `id ${mac}`);
let seq = 0;
beforeEach(() => {
  clock = new FakeClock();
  table = new PresenceTable(clock, (mac) => `id ${mac}`);
  seq = 0;
});

function said(message: Partial<PresenceMessage>): PresenceMessage {
  seq += 1;
  return { version: 1, seq, anew: false, claims: [], gone: [], end: 0, again: false, ...message };
}

function told(mac: string, more: Partial<ToldClaim> = {}): ToldClaim {
  return { mac, about, stay: { sinceMs: 5_000, seenMs: 0 }, bytes: undefined, ...more };
}

const macOf = (n: number) =>
  `02:00:00:${[n >> 16, n >> 8, n].map((part) => (part & 255).toString(16).padStart(2, '0')).join(':')}`;

describe('a claim', () => {
  it('is about its MAC, and its ages become times of ours', async () => {
    await clock.advance(20_000);
    const bytes = { up: 1, down: 2 };
    expect(table.take('b', said({ anew: true, claims: [told(MAC, { bytes })], end: 2 }))).toBe('ok');
    expect(table.of('b')).toEqual([
      {
        about: { node: `id ${MAC}`, device: true, macs: [MAC], domains: [], ...about },
        stay: { since: 15_000, seen: 20_000 },
        bytes,
      },
    ]);
    expect(table.arrival('b', MAC)).toBe(15_000);
    expect(table.arrival('c', MAC)).toBeUndefined();
  });

  it('of a device that is awake is heard now, until it is told to be asleep', async () => {
    table.take('b', said({ anew: true, claims: [told(MAC)], end: 2 }));
    await clock.advance(300_000);
    expect(table.of('b')[0]?.stay?.seen).toBe(300_000);
    table.take(
      'b',
      said({ claims: [told(MAC, { about: undefined, stay: { sinceMs: 305_000, seenMs: 60_000 } })], end: 2 }),
    );
    await clock.advance(100_000);
    expect(table.of('b')[0]?.stay).toEqual({ since: -5_000, seen: 240_000 });
  });

  it('ends when it is said to', () => {
    table.take('b', said({ anew: true, claims: [told(MAC)], end: 2 }));
    const before = table.version;
    expect(table.take('b', said({ gone: [MAC], end: 1 }))).toBe('ok');
    expect(table.of('b')).toEqual([]);
    expect(table.version).toBeGreaterThan(before);
  });

  it('goes with its peer', () => {
    table.take('b', said({ anew: true, claims: [told(MAC)], end: 2 }));
    table.forget('b');
    expect(table.peers()).toEqual([]);
    expect(table.of('b')).toEqual([]);
  });
});

it('of a peer that is pruned goes, and of one that only others hear is as old as its last word', async () => {
  for (const peer of ['b', 'c']) table.take(peer, said({ anew: true, claims: [told(MAC)], end: 2 }));
  table.prune((peer) => peer === 'b');
  expect(table.peers()).toEqual(['c']);
  const heardAt = clock.monotonic();
  await clock.advance(60_000);
  expect(table.of('c')[0]?.stay?.seen).toBe(clock.monotonic());
  expect(table.of('c', heardAt)[0]?.stay?.seen).toBe(heardAt);
});

describe('a statement that begins anew', () => {
  it('replaces what it does not repeat, at its end and not before', () => {
    table.take('b', said({ anew: true, claims: [told(macOf(1)), told(macOf(2))], end: 3 }));
    table.take('b', said({ anew: true, claims: [told(macOf(2))] }));
    expect(table.of('b')).toHaveLength(2);
    expect(table.take('b', said({ claims: [told(macOf(3))], end: 3 }))).toBe('ok');
    expect(table.of('b').map((claim) => claim.about.macs[0])).toEqual([macOf(2), macOf(3)]);
  });

  it('that counts otherwise than we do is a gap', () => {
    expect(table.take('b', said({ anew: true, claims: [told(MAC)], end: 3 }))).toBe('gap');
  });

  it('of more devices than a message holds comes whole', () => {
    const feed = new PresenceFeed();
    const claims = Array.from(
      { length: 4_096 },
      (_, n): PresenceClaim => ({
        about: { node: '', device: true, macs: [macOf(n)], domains: [], ...about },
        stay: { since: 0, seen: 0 },
        bytes: { up: n, down: n },
      }),
    );
    feed.take(claims, 0);
    const news = feed.since(0);
    if (news === undefined) throw new Error('no news');
    const messages = [...statementOf(news, 0, 0)];
    expect(messages.length).toBeGreaterThan(10);
    const verdicts = messages.map((bytes) => {
      expect(bytes.length).toBeLessThan(32 * 1024);
      const decoded = decodePresence(bytes);
      return decoded.ok ? table.take('b', decoded.value) : decoded.why;
    });
    expect(new Set(verdicts)).toEqual(new Set(['ok']));
    expect(table.of('b')).toHaveLength(4_096);
  });
});

it('what refers to something that was never told is a gap', () => {
  expect(table.take('b', said({ claims: [told(MAC, { about: undefined })], end: 1 }))).toBe('gap');
});

describe('whatever a peer says', () => {
  it('no more than 4,096 claims of it are kept', () => {
    const claims = Array.from({ length: 10_000 }, (_, n) => told(macOf(n)));
    expect(table.take('b', said({ anew: true, claims, end: 10_001 }))).toBe('ok');
    expect(table.of('b')).toHaveLength(4_096);
    expect(table.dropped).toBe(10_000 - 4_096);
    // Nothing is asked again for what did not fit.
    expect(table.take('b', said({ claims: [told(macOf(9_999), { about: undefined })], end: 10_001 }))).toBe(
      'ok',
    );
  });

  it('nor more than half a million characters', () => {
    const names = Array.from({ length: 8 }, (_, n) => `${n}`.repeat(64));
    const claims = Array.from({ length: 4_000 }, (_, n) =>
      told(macOf(n), { about: { addresses: [], names } }),
    );
    table.take('b', said({ anew: true, claims, end: 4_001 }));
    expect(table.of('b').length).toBe(1_024);
  });

  it('what others said stays', () => {
    table.take('c', said({ anew: true, claims: [told(MAC)], end: 2 }));
    table.take('b', said({ anew: true, claims: [told(MAC)], end: 2 }));
    table.take('b', said({ gone: [MAC], end: 1 }));
    expect(table.of('c')).toHaveLength(1);
    expect(table.knows(`id ${MAC}`)).toBe(true);
    table.forget('c');
    expect(table.knows(`id ${MAC}`)).toBe(false);
  });
});
