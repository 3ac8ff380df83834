import { describe, expect, it } from 'vitest';
import type { Terms } from '../../../src/policy/records.ts';
import { type Force, forceOf, isTimed, type Moment } from '../../../src/policy/terms.ts';

const NOW = Date.parse('2026-11-21T20:30Z');
const evening = { windows: [{ days: 0b1111111, from: 21 * 60, to: 22 * 60 }], zone: 'Europe/Amsterdam' };
const HALF_HOUR_S = 1_800;

type Case = [string, Terms, Partial<Moment>, Partial<Force>];
const moment = (given: Partial<Moment>): Moment => ({ wall: NOW, trusted: true, elapsedS: 0, ...given });
const until = (leftS: number): Terms => ({ until: NOW + leftS * 1000 });
const untrusted = (elapsedS = 0, window?: number) => ({ trusted: false, elapsedS, window });

describe('a block', () => {
  it.each<Case>([
    ['lasts without terms', {}, {}, { inForce: true, why: { kind: 'lasting' }, againS: undefined }],
    ['lasts with a reason only', { reason: 'homework' }, {}, { inForce: true, ended: false }],
    [
      'is counted',
      { for: 60 },
      { elapsedS: 8 },
      { inForce: true, why: { kind: 'counted', leftS: 52 }, againS: 52 },
    ],
    [
      'ends when it is counted',
      { for: 60 },
      { elapsedS: 60 },
      { inForce: false, ended: true, why: { kind: 'ended' } },
    ],
    ['is counted without trust as well', { for: 60 }, untrusted(59), { inForce: true, againS: 1 }],
    ['holds until', until(9), {}, { inForce: true, againS: 9, why: { kind: 'until', at: NOW + 9000 } }],
    ['ends at until', until(0), {}, { inForce: false, ended: true }],
    [
      'stays beyond until without trust',
      until(-9),
      untrusted(1e9),
      { inForce: true, ended: false, why: { kind: 'untrusted' }, againS: undefined },
    ],
    ['ends at the later: until', { for: 60, ...until(90) }, { elapsedS: 60 }, { inForce: true, againS: 90 }],
    [
      'ends at the later: the count',
      { for: 60, ...until(-90) },
      { elapsedS: 10 },
      { inForce: true, againS: 50 },
    ],
    ['ends at the later: both', { for: 60, ...until(-90) }, { elapsedS: 60 }, { ended: true }],
    ['ends by the count where until says nothing', { for: 60, ...until(0) }, untrusted(60), { ended: true }],
    [
      'follows its schedule',
      evening,
      {},
      { inForce: true, ended: false, againS: HALF_HOUR_S, window: HALF_HOUR_S },
    ],
    ['remembers the window by its count', evening, { elapsedS: 100 }, { window: 100 + HALF_HOUR_S }],
    [
      'pauses outside of its schedule',
      evening,
      { wall: NOW + 3_600_000 },
      { inForce: false, ended: false, window: undefined },
    ],
    [
      'keeps to the window that was in force',
      evening,
      untrusted(100, 160),
      { inForce: true, againS: 60, window: 160, why: { kind: 'counted', leftS: 60 } },
    ],
    [
      'and no longer',
      evening,
      untrusted(160, 160),
      { inForce: false, ended: false, why: { kind: 'untrusted' } },
    ],
    [
      'does not follow a schedule of which nothing is known',
      evening,
      untrusted(),
      { inForce: false, ended: false },
    ],
    [
      'needs both: the schedule pauses',
      { ...evening, for: 60 },
      { wall: NOW + 3_600_000 },
      { inForce: false, ended: false, againS: 60 },
    ],
    ['needs both: both hold', { ...evening, for: 60 }, {}, { inForce: true, againS: 60 }],
    [
      'needs both: its time is over',
      { ...evening, for: 60 },
      { elapsedS: 60 },
      { inForce: false, ended: true },
    ],
    ['has no schedule without windows', { windows: [] }, untrusted(), { inForce: true }],
  ])('%s', (_, terms, given, wanted) => {
    expect(forceOf('block', terms, moment(given))).toMatchObject(wanted);
  });
});

describe('an allow', () => {
  it.each<Case>([
    ['lasts without terms', {}, {}, { inForce: true, why: { kind: 'lasting' } }],
    ['is counted', { for: 60 }, { elapsedS: 8 }, { inForce: true, againS: 52 }],
    ['is counted without trust as well', { for: 60 }, untrusted(8), { inForce: true, againS: 52 }],
    ['ends at the earlier: until', { for: 60, ...until(30) }, {}, { inForce: true, againS: 30 }],
    ['ends at the earlier: the count', { for: 60, ...until(90) }, { elapsedS: 60 }, { ended: true }],
    ['ends at until', until(0), {}, { inForce: false, ended: true }],
    [
      'waits for trust when it has an until',
      until(60),
      untrusted(),
      { inForce: false, ended: false, why: { kind: 'untrusted' } },
    ],
    [
      'waits and is counted',
      { for: 60, ...until(60) },
      untrusted(20),
      { inForce: false, ended: false, againS: 40 },
    ],
    ['ends by the count while it waits', { for: 60, ...until(60) }, untrusted(60), { ended: true }],
    ['follows its schedule', evening, {}, { inForce: true, againS: HALF_HOUR_S }],
    [
      'does not without trust, whatever is remembered',
      evening,
      untrusted(100, 160),
      { inForce: false, ended: false },
    ],
  ])('%s', (_, terms, given, wanted) => {
    expect(forceOf('allow', terms, moment(given))).toMatchObject(wanted);
  });
});

it('tells terms in which time has a say', () => {
  expect([{ for: 1 }, { until: 1 }, evening].every(isTimed)).toBe(true);
  expect([{}, { reason: 'x' }, { windows: [] }, { zone: 'UTC' }].some(isTimed)).toBe(false);
});
