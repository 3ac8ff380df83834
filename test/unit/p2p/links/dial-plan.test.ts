import { describe, expect, it } from 'vitest';
import { type PeerAddress, parseAddress } from '../../../../src/p2p/addresses.ts';
import { DialPlan, type Pace } from '../../../../src/p2p/links/dial-plan.ts';
import { PeerDatabase } from '../../../../src/p2p/links/peer-database.ts';
import { chances } from '../../../property/link-world.ts';

const SELF = '5'.repeat(64);
const LOW = '1'.repeat(64);
const HIGH = 'f'.repeat(64);
const ALL = { max: 16, bootstrap: true, alone: false, linked: [] };

function address(text: string): PeerAddress {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function planned(places: Record<string, string[]>, bootstrap: string[] = [], random = () => 0.5) {
  const database = new PeerDatabase({ links: 8, redrawMs: 600_000, random });
  for (const [peer, texts] of Object.entries(places)) database.said(peer, 'card', texts, 0);
  return { database, plan: new DialPlan(SELF, database, bootstrap.map(address), random) };
}

const wish = (peer: string, pace: Pace = 'brisk') => [{ peer, pace }];

/** When attempts begin that all fail, each at once. */
function beginnings(plan: DialPlan, peer: string, pace: Pace, untilMs: number): number[] {
  const at: number[] = [];
  for (let now = 0; now < untilMs; now += 50) {
    for (const attempt of plan.due(now, wish(peer, pace), ALL)) {
      at.push(now);
      plan.ended(attempt, { kind: 'failed' }, now);
    }
  }
  return at;
}

const gaps = (at: number[]) => at.slice(1).map((now, i) => now - (at[i] ?? 0));

describe('DialPlan', () => {
  it('dials whom it wants every 0.5 to 1 s for ever', () => {
    const { plan } = planned({ [HIGH]: ['10.0.0.2:4710'] });
    const at = beginnings(plan, HIGH, 'brisk', 10_000);
    expect(at[0]).toBe(0);
    expect(gaps(at)).toEqual(Array(at.length - 1).fill(750));
  });

  it('dials the dead ever more rarely, at last every 5 minutes, and for ever', () => {
    const { plan } = planned({ [HIGH]: ['10.0.0.2:4710'] });
    expect(gaps(beginnings(plan, HIGH, 'slow', 3_600_000)).slice(0, 10)).toEqual([
      2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ]);
    expect(plan.unanswered(HIGH)).toBe(true);
    plan.met(HIGH);
    expect(plan.unanswered(HIGH)).toBe(false);
    expect(plan.due(3_600_000, wish(HIGH, 'slow'), ALL)).toHaveLength(1);
  });

  it('begins the next attempt at once when one ends after its pause', () => {
    const { plan } = planned({ [HIGH]: ['10.0.0.2:4710'] });
    const [attempt] = plan.due(0, wish(HIGH), ALL);
    expect(attempt).toMatchObject({ deadlineMs: 500, beside: false });
    expect(plan.due(900, wish(HIGH), ALL)).toEqual([]);
    if (attempt !== undefined) plan.ended(attempt, { kind: 'failed' }, 1_000);
    expect(plan.due(1_000, wish(HIGH), ALL)).toHaveLength(1);
  });

  it('gives an attempt half a second, and every eighth one longer: there may be a slow way to it', () => {
    const { plan } = planned({ [HIGH]: ['10.0.0.2:4710'] });
    const deadlines: number[] = [];
    for (let now = 0; deadlines.length < 16; now += 1_000) {
      for (const attempt of plan.due(now, wish(HIGH), ALL)) {
        deadlines.push(attempt.deadlineMs);
        plan.ended(attempt, { kind: 'failed' }, now);
      }
    }
    const eight = [...Array<number>(7).fill(500), 1_500];
    expect(deadlines).toEqual([...eight, ...eight]);
  });

  it('is quick for 2 s after a loss: a refusal is to be noticed within a second, also where packets are lost', () => {
    const { plan } = planned({ [HIGH]: ['10.0.0.2:4710'] });
    plan.lost(HIGH, 0);
    const [first] = plan.due(0, wish(HIGH), ALL);
    expect(first).toMatchObject({ deadlineMs: 250 });
    if (first !== undefined) plan.ended(first, { kind: 'failed' }, 0);
    const at = beginnings(plan, HIGH, 'brisk', 5_000);
    expect(at.slice(0, 8)).toEqual([250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000]);
    expect(gaps(at.slice(7))).toEqual(Array(at.length - 8).fill(750));
    const outside = planned({ [HIGH]: ['8.8.8.8:4710'] }).plan;
    outside.lost(HIGH, 0);
    expect(gaps(beginnings(outside, HIGH, 'brisk', 12_000))).toEqual([5_000, 5_000]);
  });

  it('does not ask an address without a name where somebody answers with whom there is a link', () => {
    const place = '10.0.0.2:4710';
    const { plan, database } = planned({ [HIGH]: [place] }, [place]);
    expect(plan.due(0, [], { ...ALL, linked: [HIGH] })).toEqual([]);
    expect(plan.due(0, [], { ...ALL, linked: [LOW] })).toHaveLength(1);
    // It answers somewhere else now: who is there is unknown again.
    const moved = planned({ [HIGH]: [place] }, [place]);
    moved.database.answered(HIGH, '/ip4/10.0.0.7/tcp/4710', 10);
    expect(moved.plan.due(20, [], { ...ALL, linked: [HIGH] })).toHaveLength(1);
    expect(database.best(HIGH, 0)).toBe('/ip4/10.0.0.2/tcp/4710');
  });

  it('lets the lower key dial first, 2 s after it can know of it and 0.3 s after a loss, but not when it goes silent', () => {
    const { plan, database } = planned({});
    expect(plan.due(5_000, wish(LOW), ALL)).toEqual([]);
    database.said(LOW, 'mdns', ['10.0.0.1:4710'], 6_000);
    expect(plan.due(6_000, wish(LOW), ALL)).toEqual([]);
    expect(plan.due(7_999, wish(LOW), ALL)).toEqual([]);
    expect(plan.due(7_999, wish(LOW), { ...ALL, alone: true })).toHaveLength(1);
    plan.met(LOW);
    plan.lost(LOW, 20_000);
    const other = planned({ [LOW]: ['10.0.0.1:4710'] }).plan;
    other.lost(LOW, 20_000);
    expect(other.due(20_299, wish(LOW), ALL)).toEqual([]);
    expect(other.due(20_300, wish(LOW), ALL)).toHaveLength(1);
    const third = planned({ [LOW]: ['10.0.0.1:4710'] }).plan;
    expect(third.due(0, wish(LOW, 'beside'), ALL)[0]?.beside).toBe(true);
  });

  it('dials one place once at a time, by a name or without, and by the name while its peer answers there', () => {
    const place = '10.0.0.2:4710';
    const { plan } = planned({ [HIGH]: [place] }, [place]);
    const both = plan.due(0, [], ALL);
    expect(both).toHaveLength(1);
    expect(plan.due(0, wish(HIGH), ALL)).toEqual([]);
    for (const attempt of both) plan.ended(attempt, { kind: 'answered', peer: HIGH }, 100);
    // A long silence: somebody else may be there, so both ways are tried, in turn.
    const names = new Set<string | undefined>();
    for (let now = 1_000; now < 20_000; now += 100) {
      const attempts = plan.due(now, wish(HIGH), ALL);
      expect(attempts.length).toBeLessThanOrEqual(1);
      for (const attempt of attempts) {
        names.add(attempt.peer);
        plan.ended(attempt, { kind: 'failed' }, now);
      }
    }
    expect(names).toEqual(new Set([HIGH, undefined]));
    plan.met(HIGH);
    expect(plan.due(30_000, [], ALL)).toEqual([]);
  });

  it('asks addresses outside the home every 5 s, and gives them longer', () => {
    const { plan } = planned({ [HIGH]: ['8.8.8.8:4710'] }, ['vpn.example:4710']);
    const first = plan.due(0, wish(HIGH), ALL);
    expect(first.map((one) => one.address)).toEqual(['/ip4/8.8.8.8/tcp/4710', '/dns/vpn.example/tcp/4710']);
    expect(first.map((one) => one.deadlineMs)).toEqual([4_000, 4_000]);
    for (const attempt of first) plan.ended(attempt, { kind: 'failed' }, 100);
    expect(plan.due(4_999, wish(HIGH), ALL)).toEqual([]);
    expect(plan.due(5_000, wish(HIGH), ALL)).toHaveLength(2);
  });

  it('asks an address without a name only when told to, and takes it for who answered there until it keeps failing', () => {
    const { plan } = planned({}, ['10.0.0.9:4710']);
    expect(plan.due(0, wish(HIGH), { ...ALL, bootstrap: false })).toEqual([]);
    const [first] = plan.due(0, wish(HIGH), ALL);
    expect(first).toMatchObject({ peer: undefined, address: '/ip4/10.0.0.9/tcp/4710' });
    if (first !== undefined) plan.ended(first, { kind: 'answered', peer: HIGH }, 10);
    let named = 0;
    let unnamed = 0;
    for (let now = 3_000; now < 30_000; now += 100) {
      for (const attempt of plan.due(now, wish(HIGH), ALL)) {
        if (attempt.peer === HIGH) named += 1;
        else unnamed += 1;
        plan.ended(attempt, { kind: 'failed' }, now);
      }
    }
    expect(named).toBeGreaterThan(8);
    expect(unnamed).toBeGreaterThan(8);
  });

  it('asks itself only once a minute', () => {
    const { plan } = planned({}, ['10.0.0.5:4710']);
    const [attempt] = plan.due(0, [], ALL);
    if (attempt !== undefined) plan.ended(attempt, { kind: 'self' }, 10);
    expect(plan.due(59_000, [], ALL)).toEqual([]);
    expect(plan.due(60_010, [], ALL)).toHaveLength(1);
  });

  it('goes through all addresses, every other attempt to the best, and at once to a new one', () => {
    const { plan, database } = planned({ [HIGH]: ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'] });
    const seen: string[] = [];
    for (let now = 0; seen.length < 6; now += 100) {
      for (const attempt of plan.due(now, wish(HIGH), ALL)) {
        seen.push(attempt.address.split('/')[2] ?? '');
        plan.ended(attempt, { kind: 'failed' }, now);
      }
    }
    expect(seen.map((host) => host.slice(-1))).toEqual(['1', '2', '1', '3', '1', '2']);
    const [slow] = plan.due(100_000, wish(HIGH, 'slow'), ALL);
    if (slow !== undefined) plan.ended(slow, { kind: 'failed' }, 100_000);
    expect(plan.due(100_100, wish(HIGH, 'slow'), ALL)).toEqual([]);
    database.said(HIGH, 'mdns', ['10.0.0.4:1'], 100_100);
    plan.retry(HIGH);
    expect(plan.due(100_100, wish(HIGH, 'slow'), ALL)).toHaveLength(1);
  });

  it('begins no more than it may, and forgets', () => {
    const peers = Array.from({ length: 30 }, (_, i) => `f${i.toString().padStart(63, '0')}`);
    const { plan } = planned(Object.fromEntries(peers.map((peer, i) => [peer, [`10.0.1.${i}:1`]])));
    const wishes = peers.map((peer) => ({ peer, pace: 'brisk' as const }));
    expect(plan.due(0, wishes, ALL)).toHaveLength(16);
    expect(plan.due(0, wishes, ALL)).toHaveLength(14);
    for (const peer of peers) plan.forget(peer);
    expect(plan.due(0, wishes, ALL)).toHaveLength(16);
  });

  it('finds the other half of a split home soon, though both halves have enough live members', () => {
    // A quarter of an hour of failures; then the cut heals, and of all pairs of the halves the first to dial ends it.
    const healed = 900_000;
    const random = chances(3);
    const waits = Array.from({ length: 2 * 15 * 15 }, () => {
      const { plan } = planned({ [HIGH]: ['10.0.0.2:4710'] }, [], random);
      for (let now = 0; ; now += 500) {
        const [attempt] = plan.due(now, wish(HIGH, 'slow'), ALL);
        if (attempt !== undefined && now >= healed) return now - healed;
        if (attempt !== undefined) plan.ended(attempt, { kind: 'failed' }, now);
      }
    });
    expect(Math.min(...waits)).toBeLessThanOrEqual(2_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(375_000);
  });
});
