import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Holder, whoLeaves } from '../../../src/control/crowd.ts';

const NOW = 100_000;
const holder = (state: string, forMs: number): Holder => ({ state, since: NOW - forMs });

describe('who goes so that somebody else finds a place', () => {
  it.each([
    [
      'who has been idle for longest',
      [
        ['idle', 5],
        ['idle', 900],
        ['login', 30],
        ['asking', 60_000],
      ],
      1,
    ],
    [
      'who never logged in, before who asks',
      [
        ['asking', 60_000],
        ['login', 200],
      ],
      1,
    ],
    [
      'who does not read, if nobody is idle',
      [
        ['following', 90_000],
        ['slow', 6_000],
        ['asking', 60_000],
      ],
      1,
    ],
    [
      'who has been asking for long, if all read',
      [
        ['following', 90_000],
        ['asking', 11_000],
        ['open', 12_000],
      ],
      2,
    ],
    [
      'nobody who asked just now',
      [
        ['asking', 2_499],
        ['slow', 4_999],
        ['answering', 0],
      ],
      undefined,
    ],
    [
      'not who has just come and is about to ask, before who has been asking for long',
      [
        ['asking', 5_000],
        ['idle', 199],
      ],
      0,
    ],
    [
      'who came first of those that have just come, if there is nobody else',
      [
        ['asking', 2_400],
        ['idle', 10],
        ['idle', 20],
      ],
      2,
    ],
    [
      'nobody who follows and reads',
      [
        ['following', 90_000],
        ['following', 1],
      ],
      undefined,
    ],
    ['nobody, where there is nobody', [], undefined],
  ] as const)('%s', (_, given, which) => {
    const holders = given.map(([state, forMs]) => holder(state, forMs));
    expect(whoLeaves(holders, NOW)).toBe(which === undefined ? undefined : holders[which]);
  });

  it('never one that follows or asks while another one is idle, in whatever order they are', () => {
    const states = fc.constantFrom(
      'receiving',
      'waiting',
      'handshake',
      'login',
      'idle',
      'open',
      'asking',
      'following',
      'slow',
    );
    const holders = fc.array(fc.tuple(states, fc.nat(NOW)).map(([state, forMs]) => holder(state, forMs)));
    fc.assert(
      fc.property(holders, fc.integer({ min: 200, max: NOW }), (others, forMs) => {
        const idle = holder('idle', forMs);
        const leaving = whoLeaves([...others, idle], NOW);
        expect(['waiting', 'handshake', 'login', 'idle', 'receiving']).toContain(leaving?.state);
        expect(leaving?.since).toBeLessThanOrEqual(idle.since);
      }),
    );
  });
});
