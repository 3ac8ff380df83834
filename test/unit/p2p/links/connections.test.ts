import { describe, expect, it } from 'vitest';
import { type Candidate, keep, OpenConnections } from '../../../../src/p2p/links/connections.ts';

const LOW = '1'.repeat(64);
const HIGH = 'f'.repeat(64);
const inbound = (id: string): Candidate => ({ id, direction: 'inbound' });
const outbound = (id: string): Candidate => ({ id, direction: 'outbound' });

describe('keep', () => {
  it('takes the only one', () => {
    const one = { connection: inbound('a'), openedAt: 0 };
    expect(keep(LOW, HIGH, [one])).toBe(one);
    expect(keep(LOW, HIGH, [])).toBeUndefined();
  });

  it('takes what the lower key dialled when both dialled at once, on both sides and in both orders', () => {
    // x was dialled by LOW, y by HIGH.
    for (const [first, second] of [
      [0, 500],
      [500, 0],
    ] as const) {
      const atLow = [
        { connection: outbound('x'), openedAt: first },
        { connection: inbound('y'), openedAt: second },
      ];
      const atHigh = [
        { connection: inbound('x'), openedAt: second },
        { connection: outbound('y'), openedAt: first },
      ];
      expect(keep(LOW, HIGH, atLow)?.connection.id).toBe('x');
      expect(keep(HIGH, LOW, atHigh)?.connection.id).toBe('x');
    }
  });

  it('takes the newest otherwise: its dialler had lost the older one', () => {
    const old = { connection: outbound('old'), openedAt: 0 };
    const fresh = { connection: inbound('fresh'), openedAt: 5_000 };
    expect(keep(LOW, HIGH, [old, fresh])).toBe(fresh);
    const again = { connection: outbound('again'), openedAt: 100 };
    expect(keep(LOW, HIGH, [old, again])).toBe(again);
  });
});

describe('OpenConnections', () => {
  it('answers what is one too many, and knows when the kept one closes', () => {
    const open = new OpenConnections(LOW);
    const first = outbound('first');
    const second = inbound('second');
    expect(open.opened(HIGH, first, 0)).toEqual([]);
    expect(open.opened(HIGH, second, 10_000)).toEqual([first]);
    expect(open.closed(HIGH, first)).toBe(false);
    expect(open.ageOf(HIGH, 12_000)).toBe(2_000);
    expect(open.peers()).toEqual([HIGH]);
    expect(open.closed(HIGH, second)).toBe(true);
    expect(open.ageOf(HIGH, 12_000)).toBeUndefined();
    expect(open.peers()).toEqual([]);
  });

  it('may answer the new one itself', () => {
    const open = new OpenConnections(LOW);
    open.opened(HIGH, outbound('ours'), 0);
    const theirs = inbound('theirs');
    expect(open.opened(HIGH, theirs, 300)).toEqual([theirs]);
  });
});
