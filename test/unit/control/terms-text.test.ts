import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../src/control/durations.ts';
import {
  describeLength,
  describeMoment,
  describeTerms,
  describeWindows,
} from '../../../src/control/terms-text.ts';
import type { Terms } from '../../../src/policy/records.ts';
import { forceOf } from '../../../src/policy/terms.ts';

describe('the words for terms', () => {
  const at = { now: Date.parse('2026-11-21T20:30Z'), zone: 'Europe/Amsterdam' };
  const evening: Terms = { windows: parseSchedule('daily 21:00-07:00'), zone: 'Europe/Amsterdam' };
  const trusted = { wall: at.now, trusted: true, elapsedS: 0 };
  const untrusted = { ...trusted, trusted: false };

  it.each([
    ['block', {}, trusted, ''],
    ['block', { for: 3_100 }, trusted, '52 min left, counted here'],
    ['block', { until: Date.parse('2026-11-21T22:00Z') }, trusted, 'until 23:00'],
    ['block', { until: Date.parse('2026-11-22T06:00Z') }, trusted, 'until tomorrow 07:00'],
    ['block', { until: 0 }, trusted, 'ended'],
    [
      'block',
      { until: Date.parse('2026-11-22T06:00Z') },
      untrusted,
      'until tomorrow 07:00, but stays: it waits for a trusted clock',
    ],
    ['allow', { until: Date.parse('2026-11-22T06:00Z') }, untrusted, 'waits for a trusted clock'],
    ['block', evening, trusted, 'daily 21:00-07:00: in force until tomorrow 07:00'],
    ['block', { ...evening, zone: 'UTC' }, trusted, 'daily 21:00-07:00 (UTC): next at 22:00'],
    ['block', evening, untrusted, 'daily 21:00-07:00: waits for a trusted clock'],
    ['block', evening, { ...untrusted, window: 60 }, 'daily 21:00-07:00: 1 min left, counted here'],
    [
      'block',
      { ...evening, for: 86_400 },
      trusted,
      'daily 21:00-07:00: in force until tomorrow 07:00; ends in 1 d',
    ],
    ['block', { windows: parseSchedule('00:00-24:00') }, trusted, 'daily 00:00-24:00 (UTC): always'],
  ] as const)('%s %j', (kind, terms, moment, words) => {
    expect(describeTerms(terms, forceOf(kind, terms, moment), at)).toBe(words);
  });

  it('name a moment by its day', () => {
    expect(describeMoment(Date.parse('2026-12-24T06:00Z'), at)).toBe('2026-12-24 07:00');
  });

  it.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [61, '2 min'],
    [3_600, '1 h'],
    [12_000, '3 h 20 min'],
    [187_200, '2 d 4 h'],
    [172_800, '2 d'],
  ])('%d seconds: %s', (seconds, words) => expect(describeLength(seconds)).toBe(words));

  it('write windows as people type them', () => {
    expect(describeWindows(parseSchedule('sun-tue 21:00-07:00, sat 00:00-24:00'))).toBe(
      'mon,tue,sun 21:00-07:00, sat 00:00-24:00',
    );
  });
});
