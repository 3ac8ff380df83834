import { describe, expect, it } from 'vitest';
import { auditView, MAX_READ } from '../../../src/control/views/audit.ts';
import type { Op } from '../../../src/policy/op.ts';
import { admitAll, key, run } from '../../support/household.ts';
import { audited, blocking, pastHouse, undoing } from './past.ts';

describe('audit', () => {
  it('tells who did what where, newest first, and what it replaced', async () => {
    const parts = pastHouse();
    const id = await parts.change(
      'anna',
      [],
      blocking(parts, 'ads.example', { for: 5_400, reason: 'homework' }),
    );
    await parts.change('bob', [`${id}/0`], blocking(parts, 'ads.example'));
    expect(audited(parts).entries).toMatchObject([
      {
        by: 'bob',
        router: expect.any(String),
        peer: parts.key.peer,
        made: ['block tv – ads.example'],
        replaced: ['block tv – ads.example for 1h30m (homework)'],
        counts: true,
        forked: false,
        automatic: false,
      },
      { id, by: 'anna', replaced: [], at: new Date(parts.clock.now() - 1_000).toISOString() },
    ]);
  });

  it('tells what was undone, and by which change, also beyond a cursor', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'ads.example'));
    await undoing(parts);
    const [undo, undone] = audited(parts).entries;
    expect(undo).toMatchObject({ undoes: id, made: [], replaced: ['block tv – ads.example'] });
    expect(undone).toMatchObject({ id, undoneBy: undo?.id });
    expect(audited(parts, {}, undo?.id).entries).toMatchObject([{ id, undoneBy: undo?.id }]);
  });

  it('tells which admissions share an invitation', () => {
    const parts = pastHouse();
    const invite = key(9).peer;
    for (const n of [1, 2, 3]) {
      const add = [{ kind: 'admit', peer: key(n).peer, admin: true, ...(n < 3 ? { invite } : {}) } as const];
      parts.replica.author(key(0), run(7), { at: 1, by: `${n}`, over: [], add });
    }
    const { entries } = audited(parts);
    expect(entries.filter(({ sharedInvitation }) => sharedInvitation).map(({ by }) => by)).toEqual([
      '2',
      '1',
    ]);
  });

  it('tells whose history has forked, and what counts no more', async () => {
    const parts = pastHouse();
    admitAll(parts.replica, [1, 2]);
    const fork = pastHouse().replica;
    for (const [home, name] of [
      [parts.replica, 'one.example'],
      [fork, 'two.example'],
    ] as const) {
      if (home === fork) admitAll(fork, [1, 2]);
      home.author(key(1), run(3), { at: 1, by: 'twin', over: [], add: [blocking(parts, name)] });
    }
    for (const op of [...fork.recent(9)].reverse()) parts.replica.admit(op.envelope);
    parts.replica.author(key(2), run(3), {
      at: 1,
      by: 'gone',
      over: [],
      add: [blocking(parts, 'x.example')],
    });
    parts.replica.author(key(0), run(7), {
      at: 1,
      by: 'anna',
      over: [],
      add: [{ kind: 'evict', peer: key(2).peer, heads: [] }],
    });
    const { entries } = audited(parts);
    expect(entries.filter(({ forked }) => forked).map(({ by }) => by)).toEqual(['twin', 'twin']);
    expect(entries.filter(({ counts }) => !counts).map(({ by }) => by)).toEqual(['gone']);
  });

  it.each([
    ['a person', { by: 'bob' }, ['two.example']],
    ['a device', { about: 'tv' }, ['two.example', 'one.example']],
    ['a domain', { about: 'one.example' }, ['one.example']],
    ['something that nothing was about', { about: 'phone' }, []],
    ['the last seconds', { since: 2 }, ['two.example']],
  ])('shows only what %s is about', async (_, filter, domains) => {
    const parts = pastHouse();
    await parts.change('anna', [], blocking(parts, 'one.example'));
    parts.clock.advance(60_000);
    await parts.change('bob', [], blocking(parts, 'two.example'));
    expect(audited(parts, filter).entries.map(({ made }) => made.join())).toEqual(
      domains.map((domain) => `block tv – ${domain}`),
    );
  });

  it('finds changes by the id of a policy, and by what they lifted', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'one.example'));
    await parts.change('bob', [`${id}/0`]);
    await parts.change('bob', [], blocking(parts, 'two.example'));
    for (const about of [id.slice(0, 8), 'one.example'])
      expect(audited(parts, { about }).entries.map(({ by }) => by)).toEqual(['bob', 'anna']);
  });

  it('leaves out what routers did without being asked, when only people are wanted', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'one.example'));
    await parts.change('clock', [`${id}/0`]);
    expect(audited(parts).entries.map(({ automatic }) => automatic)).toEqual([true, false]);
    expect(audited(parts, { people: true }).entries.map(({ by }) => by)).toEqual(['anna']);
  });

  it('goes on where it stopped', async () => {
    const parts = pastHouse();
    for (let n = 0; n < 5; n++) await parts.change('anna', [], blocking(parts, `n${n}.example`));
    const seen: string[] = [];
    let next: string | undefined;
    do {
      const page = audited(parts, { last: 2 }, next);
      seen.push(...page.entries.map(({ made }) => made.join()));
      next = page.next;
    } while (next !== undefined);
    expect(seen).toEqual([4, 3, 2, 1, 0].map((n) => `block tv – n${n}.example`));
  });

  it('reads no more of a long history than one answer may cost', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'one.example'));
    const op = parts.replica.op(id);
    let read = 0;
    const endless = (function* (): Generator<Op> {
      for (; op !== undefined; read++) yield op;
    })();
    const page = auditView(parts, { last: 50, people: false, by: 'nobody' }, endless);
    expect(page).toMatchObject({ entries: [], next: id });
    expect(read).toBeLessThanOrEqual(MAX_READ + 1);
  });

  it('shows what no calendar holds as the end of time', async () => {
    const parts = pastHouse();
    parts.replica.author(key(0), run(9), {
      at: Number.MAX_SAFE_INTEGER,
      by: 'anna',
      over: [],
      add: [blocking(parts, 'one.example', { until: Number.MAX_SAFE_INTEGER })],
    });
    expect(audited(parts).entries[0]?.at).toMatch(/^\+275760/);
  });
});
