import { describe, expect, it } from 'vitest';
import { type PeerAddress, parseAddress } from '../../../src/p2p/addresses.ts';
import { DialBook } from '../../../src/p2p/dial-book.ts';

const SELF = '5'.repeat(64);
const LOW = '1'.repeat(64);
const HIGH = 'f'.repeat(64);

function address(text: string, peer?: string): PeerAddress {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(text);
  return { text: parsed.text, peer };
}

const book = (bootstrap: readonly PeerAddress[], random = () => 0.5) =>
  new DialBook(SELF, bootstrap, 0, random);

const dialled = (attempts: readonly { address: string }[]) => attempts.map((attempt) => attempt.address);

describe('DialBook', () => {
  it('dials a member of which it knows an address, every 0.5 to 1 s for ever', () => {
    const it = book([address('10.0.0.2:4710', HIGH)]);
    const at: number[] = [];
    for (let now = 0; now < 10_000; now += 50) {
      const [attempt] = it.due(now, [HIGH], 16);
      if (attempt === undefined) continue;
      at.push(now);
      it.ended(attempt, { kind: 'failed' }, now);
    }
    expect(at[0]).toBe(0);
    expect(at.slice(1).map((now, i) => now - (at[i] ?? 0))).toEqual(Array(at.length - 1).fill(750));
  });

  it('begins the next attempt at once when one ends after its pause', () => {
    const it = book([address('10.0.0.2:4710', HIGH)]);
    const [attempt] = it.due(0, [HIGH], 16);
    expect(it.due(900, [HIGH], 16)).toEqual([]);
    if (attempt !== undefined) it.ended(attempt, { kind: 'failed' }, 1_000);
    expect(it.due(1_000, [HIGH], 16)).toHaveLength(1);
  });

  it('lets the lower key dial first: 2 s after the start and after a loss', () => {
    const it = book([address('10.0.0.1:4710', LOW)]);
    expect(it.due(1_999, [LOW], 16)).toEqual([]);
    expect(book([address('10.0.0.1:4710', LOW)]).due(0, [LOW], 16, true)).toHaveLength(1);
    const [attempt] = it.due(2_000, [LOW], 16);
    expect(attempt?.peer).toBe(LOW);
    if (attempt !== undefined) it.ended(attempt, { kind: 'answered', peer: LOW }, 2_010);
    it.lost(LOW, 10_000);
    expect(it.due(11_900, [LOW], 16)).toEqual([]);
    expect(it.due(12_000, [LOW], 16)).toHaveLength(1);
  });

  it('asks addresses outside the home every 5 s', () => {
    const it = book([address('198.51.100.7:4710', HIGH), address('vpn.example:4710')]);
    const outside = book([address('8.8.8.8:4710', HIGH)]);
    const [attempt] = outside.due(0, [HIGH], 16);
    if (attempt !== undefined) outside.ended(attempt, { kind: 'failed' }, 100);
    expect(outside.due(4_999, [HIGH], 16)).toEqual([]);
    expect(outside.due(5_000, [HIGH], 16)).toHaveLength(1);
    const first = it.due(0, [HIGH], 16);
    expect(dialled(first)).toContain('/dns/vpn.example/tcp/4710');
    for (const attempt of first) it.ended(attempt, { kind: 'failed' }, 100);
    expect(dialled(it.due(1_500, [HIGH], 16))).not.toContain('/dns/vpn.example/tcp/4710');
  });

  it('takes a bootstrap address without a name for the peer that answered, until it keeps failing', () => {
    const it = book([address('10.0.0.9:4710')]);
    const [first] = it.due(0, [HIGH], 16);
    expect(first).toMatchObject({ peer: undefined, address: '/ip4/10.0.0.9/tcp/4710' });
    if (first !== undefined) it.ended(first, { kind: 'answered', peer: HIGH }, 10);
    expect(it.due(3_000, [], 16)).toEqual([]);
    let named = 0;
    let unnamed = 0;
    for (let now = 3_000; now < 30_000; now += 100) {
      for (const attempt of it.due(now, [HIGH], 16)) {
        if (attempt.peer === HIGH) named += 1;
        else unnamed += 1;
        it.ended(attempt, { kind: 'failed' }, now);
      }
    }
    expect(named).toBeGreaterThan(8);
    expect(unnamed).toBeGreaterThan(8);
  });

  it('asks nobody when nobody is missing, and itself only once a minute', () => {
    const it = book([address('10.0.0.5:4710')]);
    expect(it.due(0, [], 16)).toEqual([]);
    const [attempt] = it.due(0, [HIGH], 16);
    if (attempt !== undefined) it.ended(attempt, { kind: 'self' }, 10);
    expect(it.due(59_000, [HIGH], 16)).toEqual([]);
    expect(it.due(60_010, [HIGH], 16)).toHaveLength(1);
  });

  it('prefers what worked last, and tries the others in between', () => {
    const it = book([]);
    it.announced(HIGH, ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.3/tcp/1']);
    const seen: string[] = [];
    for (let now = 0; seen.length < 6; now += 100) {
      for (const attempt of it.due(now, [HIGH], 16)) {
        seen.push(attempt.address);
        it.ended(attempt, { kind: 'failed' }, now);
      }
    }
    expect(seen.map((text) => text.split('/')[2])).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.1',
      '10.0.0.3',
      '10.0.0.1',
      '10.0.0.2',
    ]);
    it.ended(
      { target: HIGH, peer: HIGH, address: '/ip4/10.0.0.3/tcp/1' },
      { kind: 'answered', peer: HIGH },
      0,
    );
    expect(it.addressOf(HIGH)).toBe('/ip4/10.0.0.3/tcp/1');
    it.announced(HIGH, ['/ip4/10.9.9.9/tcp/1']);
    expect(it.addressOf(HIGH)).toBe('/ip4/10.0.0.3/tcp/1');
  });

  it('leaves out what cannot be dialled, keeps a bounded number, and forgets', () => {
    const it = book([]);
    it.announced(HIGH, ['rubbish', '/ip4/10.0.0.1/udp/53', '/ip4/10.0.0.1/tcp/1']);
    expect(it.addressOf(HIGH)).toBe('/ip4/10.0.0.1/tcp/1');
    it.announced(
      HIGH,
      Array.from({ length: 200 }, (_, i) => `/ip4/10.1.0.${i}/tcp/1`),
    );
    it.forget(HIGH);
    expect(it.addressOf(HIGH)).toBeUndefined();
    expect(it.due(0, [HIGH], 16)).toEqual([]);
  });

  it('begins no more than it may', () => {
    const peers = Array.from({ length: 30 }, (_, i) => `f${i.toString().padStart(63, '0')}`);
    const it = book(peers.map((peer, i) => address(`10.0.1.${i}:1`, peer)));
    expect(it.due(0, peers, 16)).toHaveLength(16);
    expect(it.due(0, peers, 16)).toHaveLength(14);
  });
});
