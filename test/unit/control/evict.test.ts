import { describe, expect, it } from 'vitest';
import { block } from '../../../src/control/commands/block.ts';
import { type EvictRequest, evict } from '../../../src/control/commands/evict.ts';
import { undo } from '../../../src/control/commands/undo.ts';
import type { Op } from '../../../src/policy/op.ts';
import type { Record } from '../../../src/policy/records.ts';
import { admitAll, blockOf, key, recovery, run } from '../../support/household.ts';
import { type FakeParts, fakeParts } from '../../support/parts.ts';

const request = (more: Partial<EvictRequest> = {}): EvictRequest => ({
  by: 'anna',
  wait: true,
  dryRun: false,
  confirm: true,
  router: key(2).peer.slice(0, 12),
  ...more,
});

const write = (
  parts: FakeParts,
  by: number,
  of: number,
  add: readonly Record[],
  over: readonly string[] = [],
): Op => parts.replica.author(key(by), run(of), { at: 5, by: 'test', over, add });

/** A home of four: the founder (this router), 1, 2 and 3; router 2 has written a block in each of two runs. */
function house(): FakeParts & { blocks: readonly Op[] } {
  const parts = fakeParts();
  admitAll(parts.replica, [1, 2, 3]);
  const blocks = [1, 2].map((of) => write(parts, 2, 20 + of, [blockOf(of, `b${of}.example`)]));
  return Object.assign(parts, { blocks });
}

const domains = (parts: FakeParts) =>
  [...parts.replica.live.values()].flatMap(({ record }) =>
    record.kind === 'block' && record.b.kind === 'domain' ? [record.b.domain] : [],
  );

describe('evict', () => {
  it('ends a membership and leaves in force what was known of it, over all its runs', async () => {
    const parts = house();
    const view = await evict(parts, request());
    expect(view).toMatchObject({ changed: true, peer: key(2).peer, falls: [], returns: [], enforced: true });
    expect(parts.replica.isMember(key(2).peer)).toBe(false);
    expect(domains(parts).sort()).toEqual(['b1.example', 'b2.example']);
    expect(parts.announced).toHaveLength(1);
    // What it writes from now on is void, in a run that was named and in another one.
    expect(() => write(parts, 2, 21, [blockOf(9, 'late.example')])).toThrow(RangeError);
    expect(() => write(parts, 2, 99, [blockOf(9, 'late.example')])).toThrow(RangeError);
  });

  it('asks first, and a dry run only tells', async () => {
    const parts = house();
    const size = parts.replica.size;
    await expect(evict(parts, request({ confirm: false }))).rejects.toMatchObject({
      name: 'ConfirmationError',
      message: expect.stringContaining('final'),
      hint: expect.stringContaining('--yes'),
    });
    expect(await evict(parts, request({ confirm: false, dryRun: true }))).toMatchObject({ dryRun: true });
    expect(parts.replica.size).toBe(size);
    expect(parts.announced).toEqual([]);
  });

  it('undoes what came from a change on: its blocks fall, what it lifted returns, whom it admitted is out', async () => {
    const parts = house();
    const old = write(parts, 1, 11, [blockOf(5, 'kept.example')]);
    const theft = write(parts, 2, 21, [blockOf(6, 'bad.example')]);
    write(parts, 2, 22, [], [`${old.id}/0`]);
    write(parts, 2, 22, [{ kind: 'admit', peer: key(7).peer, admin: true }]);
    write(parts, 7, 70, [blockOf(7, 'worse.example')]);
    write(parts, 2, 23, [{ kind: 'evict', peer: key(3).peer, heads: [] }]);
    const dry = await evict(parts, request({ before: theft.id.slice(0, 10), dryRun: true }));
    expect(dry.falls.map((words) => words.split('– ')[1]).sort()).toEqual(['bad.example', 'worse.example']);
    expect(dry.returns).toEqual([expect.stringContaining('kept.example')]);
    expect(dry.membersFall).toEqual([key(7).peer.slice(0, 8)]);
    expect(dry.membersReturn).toEqual([key(3).peer.slice(0, 8)]);
    expect(dry.admitted).toEqual([{ router: key(7).peer.slice(0, 8), peer: key(7).peer, stays: false }]);
    expect(domains(parts)).toContain('bad.example');

    await evict(parts, request({ before: theft.id.slice(0, 10) }));
    expect(domains(parts).sort()).toEqual(['b1.example', 'b2.example', 'kept.example']);
    expect(parts.replica.isMember(key(7).peer)).toBe(false);
    expect(parts.replica.isMember(key(3).peer)).toBe(true);
  });

  it('names whom it admitted and who stays', async () => {
    const parts = house();
    write(parts, 2, 21, [{ kind: 'admit', peer: key(7).peer, admin: true }]);
    const view = await evict(parts, request({ dryRun: true }));
    expect(view.admitted).toEqual([expect.objectContaining({ peer: key(7).peer, stays: true })]);
    expect(view.notes.join(' ')).toContain(`It admitted ${key(7).peer.slice(0, 8)}`);
  });

  it('takes as many ops as its runs need, those with living blocks first', async () => {
    const parts = fakeParts();
    admitAll(parts.replica, [1, 2]);
    for (let of = 0; of < 900; of++) write(parts, 2, 1_000 + of, [blockOf(1, `d${of}.example`)]);
    const seen: number[] = [];
    const size = parts.replica.size;
    await evict(parts, request());
    for (const op of parts.replica.recent(parts.replica.size - size))
      seen.push(...op.add.map((record) => (record.kind === 'evict' ? record.heads.length : 0)));
    expect(seen.reduce((sum, heads) => sum + heads, 0)).toBe(900);
    expect(domains(parts)).toHaveLength(900);
  });

  it('is for admins, never for oneself, and once', async () => {
    const parts = house();
    await expect(evict(parts, request({ router: key(0).peer }))).rejects.toMatchObject({
      hint: expect.stringContaining('hedgerow leave'),
    });
    await evict(parts, request());
    const size = parts.replica.size;
    expect(await evict(parts, request())).toMatchObject({ changed: false });
    expect(parts.replica.size).toBe(size);
    await expect(evict(parts, request({ router: 'nobody' }))).rejects.toMatchObject({ name: 'UsageError' });

    const other = fakeParts(key(4));
    admitAll(other.replica, [2]);
    write(other, 0, 1, [{ kind: 'admit', peer: key(4).peer, admin: false }]);
    await expect(evict(other, request())).rejects.toMatchObject({
      message: expect.stringContaining('no admin'),
      hint: expect.stringContaining('--recovery-key'),
    });
  });

  it('tells when the evicted is senior, and is final when the recovery key signs', async () => {
    const parts = fakeParts(key(1));
    admitAll(parts.replica, [1, 2]);
    const founder = request({ router: key(0).peer });
    const dry = await evict(parts, { ...founder, dryRun: true });
    expect(dry.notes.join(' ')).toContain('senior');
    const recoveryKey = Buffer.from(recovery.seed).toString('hex').match(/.{8}/g)?.join('-') ?? '';
    const view = await evict(parts, { ...founder, recoveryKey });
    expect(view.notes.join(' ')).not.toContain('senior');
    expect(parts.replica.isMember(key(0).peer)).toBe(false);
    // The stolen founder strikes back in vain.
    expect(() => write(parts, 0, 1, [{ kind: 'evict', peer: key(1).peer, heads: [] }])).toThrow(RangeError);
    expect(parts.replica.isMember(key(1).peer)).toBe(true);
    const [op] = parts.replica.recent(1);
    expect(op?.peer).toBe(recovery.peer);
  });

  it.each(['', 'ab'.repeat(32), 'not a key'])(
    'refuses what is not the recovery key: %j',
    async (recoveryKey) => {
      await expect(evict(house(), request({ recoveryKey }))).rejects.toMatchObject({ name: 'UsageError' });
    },
  );

  it('cannot be undone', async () => {
    const parts = house();
    await block(parts, { by: 'anna', wait: true, dryRun: false, confirm: false, first: 'ads.example' });
    await evict(parts, request());
    const [op] = parts.replica.recent(1);
    await expect(
      undo(
        parts,
        { by: 'anna', wait: true, dryRun: false, any: false, count: 1, id: op?.id.slice(0, 10) },
        parts.replica.recent(10),
      ),
    ).rejects.toMatchObject({ hint: expect.stringContaining('final') });
  });
});
