import { describe, expect, it } from 'vitest';
import { importEntries, retireRecords } from '../../../src/control/commands/import.ts';
import { exportView } from '../../../src/control/views/export.ts';
import { admitAll, key } from '../../support/household.ts';
import { blocking, pastHouse, state } from './past.ts';
import { blocks, how, PHONE, TV } from './two-devices.ts';

const tv = `tv (${TV})`;
const block = (a: string, b: string) => ({ kind: 'block', a, b, terms: {} }) as const;

describe('import', () => {
  it('adds what is not there yet, as one op, and tells it in words', async () => {
    const parts = pastHouse();
    await parts.change('bob', [], blocking(parts, 'one.example'));
    const size = parts.replica.size;
    const entries = [block(tv, 'one.example'), block(tv, 'two.example'), block('home', '*.ads.example')];
    const view = await importEntries(parts, { ...how, entries });
    expect(view).toMatchObject({
      added: ['block tv – two.example', 'block home – *.ads.example'],
      there: [expect.stringMatching(/\/0$/)],
      enforced: true,
    });
    expect(parts.replica.size).toBe(size + 1);
    expect(blocks(parts)).toHaveLength(3);
  });

  it('changes nothing when one word of it stands for nothing', async () => {
    const parts = pastHouse();
    const entries = [block(tv, 'one.example'), block('nobody', 'two.example')];
    const view = await importEntries(parts, { ...how, entries });
    expect(view.problems).toEqual([{ index: 1, message: expect.stringContaining('nobody') }]);
    expect(blocks(parts)).toEqual([]);
  });

  it('with --dry-run only tells', async () => {
    const parts = pastHouse();
    const view = await importEntries(parts, { ...how, dryRun: true, entries: [block('TV', 'one.example')] });
    expect(view).toMatchObject({ dryRun: true, added: ['block tv – one.example'], routers: [] });
    expect(parts.replica.size).toBe(0);
  });

  it('takes a device by its MAC, whatever it is called here, also one that nobody has seen', async () => {
    const parts = pastHouse();
    const entries = [block(`other name (${TV})`, 'one.example'), block('02:00:00:00:09:09', 'one.example')];
    await importEntries(parts, { ...how, entries });
    expect(blocks(parts)).toContain(`${parts.tv}|one.example`);
    expect(parts.cache.deviceByMac('02:00:00:00:09:09')).toBeDefined();
  });

  it('puts a name in the place of the older one', async () => {
    const parts = pastHouse();
    const of = { kind: 'device', id: parts.tv } as const;
    await parts.change('bob', [], { kind: 'name', of, text: 'telly' });
    const entry = { kind: 'name', of: TV, text: 'screen' } as const;
    const view = await importEntries(parts, { ...how, entries: [entry] });
    expect(view.retired).toHaveLength(1);
    expect(parts.replica.live.size).toBe(1);
  });

  it('leaves out what is over, and names of routers that are not here', async () => {
    const parts = pastHouse();
    const entries = [
      { kind: 'block', a: TV, b: 'one.example', terms: { until: parts.clock.now() - 1 } },
      { kind: 'name', of: `router:${key(5).peer}`, text: 'attic' },
    ] as const;
    const view = await importEntries(parts, { ...how, entries });
    expect(view).toMatchObject({
      added: [],
      notes: [/time is over/, /no member/].map((text) => expect.stringMatching(text)),
    });
  });

  it('writes blocks with what this router knows to be apart', async () => {
    const parts = pastHouse();
    parts.known.apart = [`${'ab'.repeat(32)}/0`];
    await importEntries(parts, { ...how, entries: [block(TV, 'one.example')] });
    expect([...parts.replica.live.values()][0]?.record).toMatchObject({ apart: parts.known.apart });
  });
});

describe('what is not in a book', () => {
  it('is taken away as one op, never a membership', async () => {
    const parts = pastHouse();
    const [admission] = admitAll(parts.replica, [1]);
    const id = await parts.change('bob', [], blocking(parts, 'one.example'), blocking(parts, 'two.example'));
    const records = [`${id}/0`, `${id}/1`, `${admission?.id}/0`, `${'cd'.repeat(32)}/0`];
    const view = await retireRecords(parts, { ...how, records });
    expect(view.retired).toEqual(['block tv – one.example', 'block tv – two.example']);
    expect(parts.replica.isMember(key(1).peer)).toBe(true);
    expect(blocks(parts)).toEqual([]);
  });

  it('does not stay blocked with a group that it leaves', async () => {
    const parts = pastHouse();
    const node = { kind: 'device', id: parts.tv } as const;
    const group = { kind: 'group', group: 'kids' } as const;
    const id = await parts.change('bob', [], { kind: 'in', group: 'kids', node }, {
      ...blocking(parts, 'one.example'),
      a: group,
    } as never);
    await retireRecords(parts, { ...how, records: [`${id}/0`] });
    expect([...parts.replica.live.values()].map(({ record }) => record)).toEqual([
      expect.objectContaining({ kind: 'block', a: group, apart: [`${id}/0`] }),
    ]);
  });

  it('is left as it is with --dry-run', async () => {
    const parts = pastHouse();
    const id = await parts.change('bob', [], blocking(parts, 'one.example'));
    const view = await retireRecords(parts, { ...how, dryRun: true, records: [`${id}/0`] });
    expect(view).toMatchObject({ dryRun: true, retired: ['block tv – one.example'] });
    expect(state(parts)).toHaveLength(1);
  });
});

describe('export', () => {
  it('names devices with their MACs, and holds neither memberships nor what has ended', async () => {
    const parts = pastHouse();
    admitAll(parts.replica, [1]);
    const phone = { kind: 'device', id: parts.phone } as const;
    await parts.change(
      'bob',
      [],
      blocking(parts, 'one.example'),
      blocking(parts, 'two.example', { for: 60 }),
      {
        kind: 'distinct',
        x: parts.tv,
        y: parts.phone,
      },
      { kind: 'name', of: phone, text: 'Anna’s phone' },
      { kind: 'name', of: { kind: 'home' }, text: 'Our home' },
    );
    parts.clock.advance(120_000);
    const view = exportView(parts);
    expect(view).toMatchObject({ home: 'Our home', left: 0 });
    expect(view.entries.map(({ entry }) => entry)).toEqual([
      { kind: 'block', a: tv, b: 'one.example', terms: {} },
      { kind: 'distinct', x: tv, y: `Anna’s phone (${PHONE})` },
      { kind: 'name', of: `Anna’s phone (${PHONE})`, text: 'Anna’s phone' },
      { kind: 'name', of: 'home', text: 'Our home' },
    ]);
  });
});
