import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import { key } from '../../support/household.ts';
import { answer, fakeParts, see } from '../../support/parts.ts';
import { PHONE, put, TV } from './two-devices.ts';

const CHANGES = [
  ...['block', 'unblock', 'allow', 'unallow', 'pause', 'bonus', 'confirm'],
  ...['group', 'group.add', 'group.remove', 'name', 'ignore', 'unignore'],
];
const NASTY = [
  '\ud800',
  '\u202eab',
  '\u0000',
  '🦔',
  '"',
  '*.',
  '::',
  'a\tb',
  ' ',
  '__proto__',
  'x'.repeat(255),
];
/** What a person is told; anything else would be a fault of ours. */
const TOLD = ['UsageError', 'TemporaryError', 'ConfirmationError', 'ZodError'];

describe('whatever is asked', () => {
  it('is done or refused with a reason, and leaves what can be shown', async () => {
    const parts = fakeParts(key(0), undefined, { policies: 500, changesPerHour: 1e6, burst: 1e6 });
    see(parts, TV, '192.168.1.20', 'tv');
    see(parts, PHONE, '192.168.1.30', 'phone');
    answer(parts, 'ads.example', '203.0.113.20');
    await put(parts, 'kids', 'tv', 'phone');
    const methods = methodsOf(parts);
    const run = (name: string, params: unknown) => methods.get(name)?.run(params);

    const word = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.constantFrom('tv', 'phone', 'kids', 'group:toys', 'ads.example', '*.ads.example'),
      },
      { weight: 3, arbitrary: fc.constantFrom('home', 'lan', 'internet', '10.0.0.0/8', '203.0.113.20', TV) },
      { weight: 1, arbitrary: fc.oneof(fc.string(), fc.constantFrom(...NASTY)) },
    );
    const time = fc.oneof(fc.constantFrom('2h', '90s', '07:00', 'bedtime', 'daily 21:00-07:00'), fc.string());
    const flag = fc.boolean();
    const terms = fc.oneof(
      fc.constant({}),
      ...['for', 'until', 'schedule', 'trial'].map((name) => time.map((text) => ({ [name]: text }))),
      fc.record({ for: time, schedule: time, until: time }),
    );
    const others = fc.record(
      {
        by: fc.constant('test'),
        first: word,
        second: word,
        what: word,
        group: word,
        subjects: fc.array(word, { maxLength: 3 }),
        text: word,
        reason: word,
        all: flag,
        dryRun: flag,
        confirm: flag,
        id: word,
      },
      { requiredKeys: ['by', 'first', 'what', 'group', 'subjects'] },
    );
    const params = fc.tuple(others, terms).map(([some, more]) => ({ ...some, ...more }));
    /** A method takes no parameter that it does not know. */
    const TAKES: Record<string, string> = {
      pause: 'by what for reason dryRun confirm',
      bonus: 'by what for reason dryRun',
      confirm: 'by id dryRun',
      group: 'group',
      'group.add': 'by group subjects dryRun',
      'group.remove': 'by group subjects dryRun',
      name: 'by what text dryRun',
      ignore: 'by what dryRun',
      unignore: 'by what dryRun',
      unblock: 'by first second all dryRun',
      unallow: 'by first second all dryRun',
    };
    const POLICY = 'by first second for until schedule trial reason dryRun confirm';
    let done = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...CHANGES), params, async (name, all) => {
        const takes = (TAKES[name] ?? POLICY).split(' ');
        const asked = Object.fromEntries(Object.entries(all).filter(([param]) => takes.includes(param)));
        try {
          await run(name, asked);
          done += 1;
        } catch (error) {
          expect(TOLD, String(error)).toContain(error instanceof Error ? error.name : typeof error);
        }
      }),
      { numRuns: 250 },
    );
    expect(done).toBeGreaterThan(20);
    for (const view of ['policies', 'groups', 'nodes', 'devices', 'flows']) await run(view, {});
  });
});
