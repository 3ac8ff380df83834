import { describe, expect, it } from 'vitest';
import { admitAll, key, run } from '../../support/household.ts';
import { allowing, blocking, pastHouse, state, undoing } from './past.ts';
import { usage } from './two-devices.ts';

describe('undo', () => {
  it('takes back a block, and tells so', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'ads.example'));
    const view = await undoing(parts);
    expect(view).toMatchObject({
      enforced: true,
      undone: [{ id, by: 'anna', lifted: ['block tv – ads.example'], restored: [] }],
    });
    expect(state(parts)).toEqual([]);
    expect([...parts.replica.recent(1)][0]).toMatchObject({ by: 'anna', undoes: id });
  });

  it('brings back what was lifted, with what its author knew to be apart', async () => {
    const parts = pastHouse();
    const apart = [`${'ab'.repeat(32)}/0`];
    const block = { ...blocking(parts, 'ads.example', { reason: 'homework' }), apart };
    const id = await parts.change('bob', [], block as never);
    await parts.change('anna', [`${id}/0`]);
    await undoing(parts);
    expect([...parts.replica.live.values()].map(({ record }) => record)).toEqual([block]);
  });

  it('takes back a change of terms in one op', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'ads.example'));
    const before = state(parts);
    await parts.change('anna', [`${id}/0`], blocking(parts, 'ads.example', { reason: 'late' }));
    const size = parts.replica.size;
    await undoing(parts);
    expect(state(parts)).toEqual(before);
    expect(parts.replica.size).toBe(size + 1);
  });

  it('goes back one change further each time, through what it brought back itself', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'ads.example'));
    await parts.change('anna', [`${id}/0`]);
    await undoing(parts);
    expect(state(parts)).toHaveLength(1);
    await undoing(parts);
    expect(state(parts)).toEqual([]);
    await expect(undoing(parts)).rejects.toEqual(usage(/nothing to undo by anna/, 'audit'));
  });

  it('takes back several at once as one after the other', async () => {
    const parts = pastHouse();
    const first = await parts.change('anna', [], blocking(parts, 'one.example'));
    await parts.change('anna', [`${first}/0`], allowing(parts, 'one.example'));
    await parts.change('anna', [], blocking(parts, 'two.example'));
    const view = await undoing(parts, { count: 3 });
    expect(view.undone).toHaveLength(3);
    expect(state(parts)).toEqual([]);
  });

  it('leaves alone what others did, what routers did without being asked, other routers and membership', async () => {
    const parts = pastHouse();
    admitAll(parts.replica, [1]);
    const mine = await parts.change('anna', [], blocking(parts, 'mine.example'));
    await parts.change('bob', [], blocking(parts, 'bobs.example'));
    const ended = await parts.change('bob', [], blocking(parts, 'ended.example'));
    await parts.change('clock', [`${ended}/0`]);
    parts.replica.author(key(1), run(1), {
      at: 1,
      by: 'anna',
      over: [],
      add: [blocking(parts, 'there.example')],
    });
    await parts.change('anna', [], { kind: 'admit', peer: key(2).peer, admin: false });
    expect((await undoing(parts)).undone).toMatchObject([{ id: mine }]);
    const any = await undoing(parts, { any: true, count: 9 });
    // Nothing is left of the block that ended.
    expect(any.undone.map(({ by }) => by)).toEqual(['bob']);
    expect(state(parts).join()).toContain('there.example');
    expect(state(parts).join()).not.toContain('bobs.example');
  });

  it('undoes one change by its id, of anybody, on any router', async () => {
    const parts = pastHouse();
    const id = await parts.change('bob', [], blocking(parts, 'ads.example'));
    await parts.change('anna', [], blocking(parts, 'two.example'));
    await undoing(parts, { id: id.slice(0, 10) });
    expect(state(parts).join()).not.toContain('ads.example');
    await expect(undoing(parts, { id })).rejects.toEqual(usage(/undone already/));
    await expect(undoing(parts, { id: 'abcdef00' })).rejects.toEqual(usage(/no change/, 'audit'));
  });

  it('says that membership cannot be undone, when it is named', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], { kind: 'admit', peer: key(2).peer, admin: false });
    await expect(undoing(parts, { id })).rejects.toEqual(usage(/belongs to the home cannot be undone/));
  });

  it('says when nothing is left of a change', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'ads.example'));
    await parts.change('bob', [`${id}/0`]);
    await expect(undoing(parts, { id })).rejects.toEqual(usage(/nothing of this change is left/));
  });

  it('does not block twice what somebody has blocked anew, nor take a newer name away', async () => {
    const parts = pastHouse();
    const of = { kind: 'device', id: parts.tv } as const;
    const id = await parts.change('anna', [], blocking(parts, 'ads.example'), {
      kind: 'name',
      of,
      text: 'telly',
    });
    const lift = await parts.change('anna', [`${id}/0`, `${id}/1`]);
    await parts.change('bob', [], blocking(parts, 'ads.example'), { kind: 'name', of, text: 'screen' });
    await expect(undoing(parts, { id: lift })).rejects.toEqual(usage(/nothing of this change is left/));
  });

  it('with --dry-run tells all of it and writes nothing', async () => {
    const parts = pastHouse();
    const id = await parts.change('anna', [], blocking(parts, 'ads.example'));
    await parts.change('anna', [`${id}/0`]);
    const size = parts.replica.size;
    const view = await undoing(parts, { count: 2, dryRun: true });
    expect(view).toMatchObject({
      dryRun: true,
      routers: [],
      undone: [
        { restored: ['block tv – ads.example'], lifted: [] },
        { restored: [], lifted: ['block tv – ads.example'] },
      ],
    });
    expect(parts.replica.size).toBe(size);
  });

  it('writes a large inverse as several ops and finds them again', async () => {
    const parts = pastHouse();
    const many = Array.from({ length: 150 }, (_, n) => blocking(parts, `n${n}.example`));
    const id = await parts.change('anna', [], ...many);
    const all = state(parts);
    await parts.change(
      'anna',
      Array.from(many, (_, n) => `${id}/${n}`),
    );
    await undoing(parts);
    expect(state(parts)).toEqual(all);
    await undoing(parts);
    expect(state(parts)).toEqual([]);
  });

  describe('of a timed block that was lifted', () => {
    const HOUR = 3_600_000;

    async function lifted(terms: (now: number) => { for?: number; until?: number }) {
      const parts = pastHouse();
      const id = await parts.change('anna', [], blocking(parts, 'ads.example', terms(parts.clock.now())));
      await parts.change('anna', [`${id}/0`]);
      return parts;
    }

    it('brings it back for the time that it had left', async () => {
      const parts = await lifted((now) => ({ for: 7_200, until: now + 2 * HOUR }));
      const until = parts.clock.now() - 2_000 + 2 * HOUR;
      parts.clock.advance(HOUR);
      await undoing(parts);
      const [back] = [...parts.replica.live.values()];
      expect(back?.record).toMatchObject({
        terms: { until, for: Math.ceil((until - parts.clock.now()) / 1000) },
      });
    });

    it('does not bring it back when it would have ended, and says so', async () => {
      const parts = await lifted((now) => ({ for: 3_600, until: now + HOUR }));
      parts.clock.advance(2 * HOUR);
      expect((await undoing(parts)).notes).toEqual([
        'block tv – ads.example for 1h does not come back: it would have ended meanwhile',
      ]);
      expect(state(parts)).toEqual([]);
    });

    it('does not guess without a trusted clock', async () => {
      const parts = await lifted((now) => ({ for: 3_600, until: now + HOUR }));
      parts.trust.trusted = false;
      expect((await undoing(parts)).notes).toEqual([
        expect.stringContaining('how much of its time was left cannot be told here'),
      ]);
    });
  });
});
