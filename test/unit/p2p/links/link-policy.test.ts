import { describe, expect, it } from 'vitest';
import { isRefused } from '../../../../src/p2p/links/dialler.ts';
import type { LinkFacts } from '../../../../src/p2p/links/link-choice.ts';
import { LinkPolicy, whyBootstrap } from '../../../../src/p2p/links/link-policy.ts';
import { Strangers } from '../../../../src/p2p/links/strangers.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const MINUTE = 60_000;
const A = 'a'.repeat(64);
const fact = (more: Partial<LinkFacts>): LinkFacts => ({
  peer: A,
  connected: true,
  ageMs: 0,
  bytes: 0,
  soleFor: 0,
  state: 'alive',
  absent: false,
  ...more,
});

/** Looks once a second from the opening of the link; when it is to be closed, and why. */
function watch(policy: LinkPolicy, untilMs: number, bytes: (now: number) => number) {
  for (let now = 0; now <= untilMs; now += 1_000) {
    const outlived = policy.look(now, [fact({ ageMs: now, bytes: bytes(now) })]);
    if (outlived !== undefined) return { at: now, cause: outlived.cause, words: outlived.words };
  }
  return undefined;
}

describe('LinkPolicy', () => {
  it('closes nothing by itself', () => {
    expect(
      watch(new LinkPolicy({ maxIdleMs: undefined, maxAgeMs: undefined }), 10 * MINUTE, () => 0),
    ).toBeUndefined();
  });

  it('closes what carried no more than the overlay itself says', () => {
    const limits = { maxIdleMs: 5 * MINUTE, maxAgeMs: undefined };
    const idle = { at: 5 * MINUTE, cause: 'idle', words: 'idle for 5 min' };
    expect(watch(new LinkPolicy(limits), 60 * MINUTE, () => 0)).toEqual(idle);
    expect(watch(new LinkPolicy(limits), 60 * MINUTE, (now) => (now % 30_000 === 0 ? 200 : 0))).toEqual(idle);
    expect(
      watch(new LinkPolicy(limits), 60 * MINUTE, (now) => (now % (4 * MINUTE) === 0 ? 5_000 : 0)),
    ).toBeUndefined();
    expect(watch(new LinkPolicy(limits), 60 * MINUTE, (now) => (now === MINUTE ? 5_000 : 0))?.at).toBe(
      6 * MINUTE,
    );
  });

  it('closes what is too old, however much it carries, and begins anew with a new link', () => {
    const policy = new LinkPolicy({ maxIdleMs: 5 * MINUTE, maxAgeMs: 3 * 60 * MINUTE });
    expect(watch(policy, 300 * MINUTE, () => 10_000)).toEqual({
      at: 180 * MINUTE,
      cause: 'age',
      words: 'older than 3 h',
    });
    expect(policy.look(181 * MINUTE, [fact({ ageMs: 1_000 })])).toBeUndefined();
    expect(policy.look(182 * MINUTE, [fact({ connected: false, ageMs: undefined })])).toBeUndefined();
  });
});

describe('whyBootstrap', () => {
  it('asks addresses of nobody in particular while joining, or while few are known to live', () => {
    const of = (alive: number, suspect: number, down: number, absent = 0) => [
      ...Array.from({ length: alive }, () => fact({})),
      ...Array.from({ length: suspect }, () => fact({ connected: false, state: 'suspect' })),
      ...Array.from({ length: down }, () => fact({ connected: false, state: 'down' })),
      ...Array.from({ length: absent }, () => fact({ connected: false, state: 'down', absent: true })),
    ];
    expect(whyBootstrap([], 12, true)).toBeUndefined();
    expect(whyBootstrap(of(3, 0, 0), 12, true)).toBe('joining');
    expect(whyBootstrap(of(3, 1, 0), 12, false)).toBeUndefined();
    expect(whyBootstrap(of(3, 0, 1), 12, false)).toBe('few');
    expect(whyBootstrap(of(3, 0, 0, 1), 12, false)).toBeUndefined();
    expect(whyBootstrap(of(0, 0, 0, 1), 12, false)).toBe('few');
    expect(whyBootstrap(of(8, 4, 20), 12, false)).toBeUndefined();
    expect(whyBootstrap(of(8, 3, 20), 12, false)).toBe('few');
  });

  it('asks nobody in particular in a large home while enough have an address of their own', () => {
    const of = (untried: number, down: number) => [
      ...Array.from({ length: untried }, () => fact({ connected: false, state: 'unknown' })),
      ...Array.from({ length: down }, () => fact({ connected: false, state: 'down' })),
    ];
    expect(whyBootstrap(of(19, 0), 12, false)).toBeUndefined();
    expect(whyBootstrap(of(12, 7), 12, false)).toBeUndefined();
    expect(whyBootstrap(of(11, 8), 12, false)).toBe('few');
    // In a small one all are to be linked, at whichever address they answer first.
    expect(whyBootstrap(of(11, 0), 12, false)).toBe('few');
  });
});

describe('Strangers', () => {
  it('are those that were members or are connected, and who goes by itself is given a moment', () => {
    const clock = new FakeClock();
    const members = new Set([A, 'b', 'c']);
    const strangers = new Strangers({
      clock,
      trusted: (peer) => members.has(peer),
      left: (peer) => peer === 'b',
    });
    const connected = new Set([A, 'b']);
    expect(strangers.look([A, 'b', 'c'], connected)).toEqual([]);
    members.delete('b');
    members.delete('c');
    expect(strangers.look([A], connected)).toEqual(['c']);
    expect(strangers.look([A], connected)).toEqual([]);
    return clock.advance(3_000).then(() => expect(strangers.look([A], connected)).toEqual(['b']));
  });
});

describe('isRefused', () => {
  it('finds the refusal in what libp2p wraps around it, and nowhere else', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(isRefused(refused)).toBe(true);
    expect(isRefused(new AggregateError([new Error('no'), refused]))).toBe(true);
    expect(isRefused(new Error('outer', { cause: refused }))).toBe(true);
    for (const other of [new Error('ECONNREFUSED'), undefined, 'ECONNREFUSED', { code: 'ECONNREFUSED' }])
      expect(isRefused(other)).toBe(false);
    const round: Error = new Error('round');
    round.cause = round;
    expect(isRefused(round)).toBe(false);
  });
});
