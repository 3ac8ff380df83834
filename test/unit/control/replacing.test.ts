import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replacing } from '../../../src/control/commands/replacing.ts';
import type { LivePolicy, PolicyKind } from '../../../src/control/commands/standing.ts';
import type { Terms } from '../../../src/policy/records.ts';
import { forceOf } from '../../../src/policy/terms.ts';

const MONDAY = Date.UTC(2026, 10, 16);
const HOUR = 3_600_000;
const schedule: Terms = { windows: [{ days: 127, from: 21 * 60, to: 7 * 60 }], zone: 'UTC' };
const lasting: Terms = {};
const hour: Terms = { for: 3_600, until: MONDAY + HOUR };
const twoHours: Terms = { for: 7_200, until: MONDAY + 2 * HOUR };
const trial: Terms = { for: 90 };

const policy = (kind: PolicyKind, terms: Terms, id = 'x') =>
  ({
    id,
    record: { kind, a: { kind: 'home' }, b: { kind: 'internet' }, terms, apart: [] },
  }) as unknown as LivePolicy;
const never = () => false;
const words = ({ already, over, inTheWay }: ReturnType<typeof replacing>) =>
  [...already.map(() => 'already'), ...over.map(() => 'over'), ...inTheWay.map(() => 'in the way')].join() ||
  'beside';

describe('a block beside a block of the same pair', () => {
  it.each<[string, Terms, boolean, Terms, string]>([
    ['for good, and is so', lasting, true, lasting, 'already'],
    ['with a schedule, and is so', schedule, true, { ...schedule }, 'already'],
    ['until seven, and is so', { for: 50, until: 7 }, true, { for: 60, until: 7 }, 'already'],
    ['with another reason', { reason: 'x' }, true, lasting, 'over'],
    ['with another schedule', { ...schedule, zone: 'Asia/Kathmandu' }, true, schedule, 'over'],
    ['for good, of what ends', lasting, true, hour, 'over'],
    ['for good, of what has a schedule', lasting, true, schedule, 'over'],
    ['for an hour, of what was for good', hour, true, lasting, 'over'],
    ['for an hour, of what ends later', hour, true, twoHours, 'over'],
    ['for an hour, of what has a schedule', hour, true, schedule, 'beside'],
    ['a pause of what was for good', hour, false, lasting, 'already'],
    ['a pause of what has a schedule', hour, false, schedule, 'beside'],
    ['a pause of what ends sooner', twoHours, false, hour, 'over'],
    ['a pause of what ends later', hour, false, twoHours, 'beside'],
    ['a trial of what was for good', trial, false, lasting, 'already'],
    ['a trial of what ends later', trial, false, hour, 'beside'],
    ['a trial again', trial, false, trial, 'over'],
    ['a schedule, of what was for good', schedule, true, lasting, 'over'],
    ['a schedule, while a pause runs', schedule, true, hour, 'beside'],
  ])('%s', (_, terms, mayShorten, held, expected) => {
    expect(words(replacing({ kind: 'block', terms, mayShorten }, [policy('block', held)], [], never))).toBe(
      expected,
    );
  });

  it('sweeps away what has ended', () => {
    const found = replacing(
      { kind: 'block', terms: hour, mayShorten: false },
      [policy('block', hour)],
      [],
      () => true,
    );
    expect(words(found)).toBe('over');
  });
});

describe('a policy beside one of the other kind', () => {
  it.each<[string, PolicyKind, Terms, Terms, string]>([
    ['an allow for good lifts a block for good', 'allow', lasting, lasting, 'over'],
    ['an allow for good lifts a schedule', 'allow', lasting, schedule, 'over'],
    ['a bonus leaves a schedule', 'allow', hour, schedule, 'beside'],
    ['a bonus ends a pause', 'allow', hour, twoHours, 'over'],
    ['a bonus cannot bring back what is blocked for good', 'allow', hour, lasting, 'in the way'],
    ['nor can a scheduled allow', 'allow', schedule, lasting, 'in the way'],
    ['a block for good lifts an allow for good', 'block', lasting, lasting, 'over'],
    ['a block for good lifts a bonus', 'block', lasting, hour, 'over'],
    ['a pause leaves an allow for good, over which it wins', 'block', hour, lasting, 'beside'],
    ['a trial leaves a bonus', 'block', trial, hour, 'beside'],
    ['a schedule leaves a bonus', 'block', schedule, hour, 'beside'],
  ])('%s', (_, kind, terms, held, expected) => {
    const other = policy(kind === 'block' ? 'allow' : 'block', held);
    expect(words(replacing({ kind, terms, mayShorten: true }, [], [other], never))).toBe(expected);
  });
});

describe('a pause or a trial', () => {
  const time = fc.integer({ min: 1, max: 100_000 });
  const terms = fc.oneof(
    fc.constant<Terms>({}),
    time.map((seconds): Terms => ({ for: seconds, until: MONDAY + seconds * 1000 })),
    time.map((seconds): Terms => ({ until: MONDAY + seconds * 1000 })),
    fc.integer({ min: 1, max: 600 }).map((seconds): Terms => ({ for: seconds })),
    fc
      .tuple(fc.nat(1439), fc.nat(1439))
      .map(([from, to]): Terms => ({ windows: [{ days: 127, from, to }], zone: 'UTC' })),
  );

  it('never unblocks anything, at any time after it', () => {
    const looks = Array.from({ length: 60 }, (_, n) => n * 1_800);
    const blocked = (all: readonly Terms[], afterS: number) =>
      all.some(
        (one) =>
          forceOf('block', one, { wall: MONDAY + afterS * 1000, trusted: true, elapsedS: afterS }).inForce,
      );
    fc.assert(
      fc.property(fc.array(terms, { maxLength: 4 }), time, fc.boolean(), (held, seconds, trusted) => {
        const pause: Terms = trusted ? { for: seconds, until: MONDAY + seconds * 1000 } : { for: seconds };
        const before = held.map((one, n) => policy('block', one, String(n)));
        const found = replacing({ kind: 'block', terms: pause, mayShorten: false }, before, [], never);
        const left = before.filter((live) => !found.over.includes(live)).map(({ record }) => record.terms);
        const after = found.already.length > 0 ? left : [...left, pause];
        for (const look of looks) {
          if (blocked(held, look) || look < seconds) expect(blocked(after, look)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
