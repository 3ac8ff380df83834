import { describe, expect, it } from 'vitest';
import { block } from '../../../src/control/commands/block.ts';
import { confirm } from '../../../src/control/commands/confirm.ts';
import { blocks, house, how, policies, usage } from './two-devices.ts';

/** 2023-11-14, 22:13:20 UTC. */
const tv = { ...how, first: 'tv', second: 'ads.example' };
const termsIn = (parts: ReturnType<typeof house>) =>
  policies(parts, 'block').map(({ record }) => record.terms);

describe('the terms of a block', () => {
  it.each([
    ['for two hours', { for: '2h' }, { for: 7_200, until: Date.UTC(2023, 10, 15, 0, 13, 20) }],
    ['until seven', { until: '07:00' }, { for: 31_600, until: Date.UTC(2023, 10, 15, 7) }],
    ['as a trial: counted alone', { trial: '90s' }, { for: 90 }],
    [
      'at night',
      { schedule: 'mon-fri 21:00-07:00' },
      { windows: [{ days: 31, from: 1260, to: 420 }], zone: 'UTC' },
    ],
    ['with a reason', { reason: 'homework' }, { reason: 'homework' }],
  ])('%s', async (_, typed, terms) => {
    const parts = house();
    await block(parts, { ...tv, ...typed });
    expect(termsIn(parts)).toEqual([terms]);
  });

  it.each([
    ['two ends', { for: '2h', until: '07:00' }, /--for and --until do not go together/],
    ['a trial with a schedule', { trial: '90s', schedule: 'daily 21:00-07:00' }, /--confirm and --schedule/],
    ['a trial of a day', { trial: '1d' }, /an hour at most/],
    ['rubbish', { for: 'soon' }, /"soon"/],
  ])('refuses %s', async (_, typed, message) => {
    const parts = house();
    await expect(block(parts, { ...tv, ...typed })).rejects.toEqual(usage(message));
    expect(parts.replica.size).toBe(0);
  });

  it('without a trusted clock: counts what is typed as a length, refuses what is a time, with the reason', async () => {
    const parts = house();
    parts.time.trusted = false;
    for (const typed of [{ until: '07:00' }, { schedule: 'daily 21:00-07:00' }]) {
      const refused = block(parts, { ...tv, ...typed });
      await expect(refused).rejects.toEqual(usage(/does not know what time it is: nobody agrees/, '--for'));
    }
    await block(parts, { ...tv, for: '2h' });
    expect(termsIn(parts)).toEqual([{ for: 7_200 }]);
    expect(policies(parts, 'block')[0]?.op.trusted).toBe(false);
  });

  it('in a zone that nobody knows: refuses what is a time of day', async () => {
    const parts = house();
    Object.assign(parts.config.home, { timeZone: 'Mars/Olympus' });
    for (const typed of [{ until: '07:00' }, { schedule: 'daily 21:00-07:00' }]) {
      const refused = block(parts, { ...tv, ...typed });
      await expect(refused).rejects.toEqual(usage(/time zone "Mars\/Olympus"/, 'home.timeZone'));
    }
  });

  it('change when others are typed, which is said; the same write nothing', async () => {
    const parts = house();
    await block(parts, tv);
    const view = await block(parts, { ...tv, for: '2h' });
    expect(view).toMatchObject({
      changed: true,
      replaced: [{ time: '' }],
      policies: [{ time: '2 h left, counted here' }],
    });
    expect(view.notes).toEqual(['tv – ads.example: its terms change; before: until it is lifted']);
    await block(parts, { ...tv, until: '07:00' });
    const again = await block(parts, { ...tv, until: '07:00' });
    expect(again.changed).toBe(false);
    expect(blocks(parts)).toHaveLength(1);
    expect(parts.announced).toHaveLength(3);
  });
});

describe('confirm', () => {
  it('makes the newest trial last', async () => {
    const parts = house();
    await block(parts, { ...tv, for: '5m' });
    await block(parts, { ...tv, first: 'phone', trial: '90s', reason: 'try' });
    await parts.clock.advance(60_000);
    const view = await confirm(parts, how);
    expect(view).toMatchObject({
      changed: true,
      replaced: [{ terms: { for: 90 } }],
      policies: [{ time: '' }],
    });
    const records = policies(parts, 'block').map(({ record }) => record);
    expect(records.find(({ a }) => 'id' in a && a.id === parts.phone)?.terms).toEqual({ reason: 'try' });
    await expect(confirm(parts, how)).rejects.toEqual(usage(/no trial is running/));
  });

  it('is too late when the trial has ended', async () => {
    const parts = house();
    const { policies: made } = await block(parts, { ...tv, trial: '90s' });
    await parts.clock.advance(90_000);
    await expect(confirm(parts, how)).rejects.toEqual(usage(/no trial is running/));
    const id = made[0]?.id.slice(0, 8);
    await expect(confirm(parts, { ...how, id })).rejects.toEqual(usage(/no policy that ends by itself/));
  });

  it('takes the id of anything that ends by itself, and leaves one policy of the pair', async () => {
    const parts = house();
    const { policies: made } = await block(parts, { ...tv, for: '2h' });
    await block(parts, { ...tv, trial: '90s' });
    expect(blocks(parts)).toHaveLength(2);
    expect((await confirm(parts, { ...how, dryRun: true, id: made[0]?.id.slice(0, 8) })).changed).toBe(true);
    await confirm(parts, { ...how, id: made[0]?.id.slice(0, 8) });
    expect(termsIn(parts)).toEqual([{}]);
  });
});
