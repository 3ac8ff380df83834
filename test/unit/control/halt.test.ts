import { beforeEach, describe, expect, it } from 'vitest';
import type { HaltView } from '../../../src/control/commands/halt.ts';
import { methodsOf } from '../../../src/control/methods.ts';
import { haltedWords } from '../../../src/control/views/halted.ts';
import { admitAll, key } from '../../support/household.ts';
import { fakeParts } from '../../support/parts.ts';

describe('halting the whole home', () => {
  const said = (view: object) => ({ kind: 'view', json: JSON.stringify(view) }) as const;
  const refused = (name: string, message: string) =>
    ({ kind: 'refused', why: { name, message, hint: undefined, exitCode: 75 } }) as const;
  const suspend = (parts: ReturnType<typeof fakeParts>, more: object = {}) =>
    methodsOf(parts)
      .get('suspend')
      ?.run({ by: 'anna', for: '5m', home: true, ...more }) as Promise<HaltView>;
  let parts: ReturnType<typeof fakeParts>;
  const [cellar, garage, shed] = [key(1).peer, key(2).peer, key(3).peer];
  beforeEach(() => {
    parts = fakeParts();
    admitAll(parts.replica, [1, 2, 3]);
    for (const peer of [cellar, garage, shed]) parts.peers.set(peer, { state: 'alive', applied: true });
  });

  it('asks every router, and says of each whether it did', async () => {
    parts.answers.set(cellar, said({ changed: true, enforcing: false, notes: [] }));
    parts.answers.set(garage, said({ changed: true, problem: 'the kernel is not free yet: busy' }));
    parts.answers.set(shed, refused('UsageError', 'routers do not ask each other for "suspend"'));
    const view = await suspend(parts);
    expect(view).toMatchObject({ changed: true, halted: { kind: 'suspended', by: 'anna' } });
    const byPeer = new Map(view.others?.map(({ peer, done, why }) => [peer, done ? 'done' : why]));
    expect(byPeer.get(cellar)).toBe('done');
    expect(byPeer.get(garage)).toBe('the kernel is not free yet: busy');
    expect(byPeer.get(shed)).toMatch('routers do not ask each other');
    const params = JSON.stringify({ for: '5m', by: 'anna', dryRun: false });
    expect(parts.questions).toHaveLength(3);
    expect(parts.questions[0]).toMatchObject({ view: 'suspend', params });
  });

  it('asks again when a router is asked by somebody else just now, and not one that is away', async () => {
    parts.answers.set(cellar, refused('TemporaryError', 'it answers one question at a time'));
    parts.answers.set(garage, said({ changed: true }));
    parts.peers.set(shed, { state: 'down', applied: false });
    const asked = suspend(parts);
    await parts.clock.advance(100);
    parts.answers.set(cellar, said({ changed: false }));
    await parts.clock.advance(1_000);
    const { others = [] } = await asked;
    expect(
      others
        .filter(({ done }) => done)
        .map(({ peer }) => peer)
        .sort(),
    ).toEqual([cellar, garage].sort());
    expect(others.find(({ peer }) => peer === shed)?.why).toMatch('cannot be reached');
    expect(parts.questions.filter(({ peer }) => peer === shed)).toEqual([]);
  });

  it('takes rubbish for no', async () => {
    for (const rubbish of [[], 'yes', { changed: 'x' }, { changed: true, problem: 7 }]) {
      parts.answers.set(cellar, said(rubbish as object));
      for (const peer of [garage, shed]) parts.answers.set(peer, said({ changed: true }));
      const { others = [] } = await suspend(parts);
      expect(others.filter(({ done }) => !done)).toMatchObject([
        { peer: cellar, why: 'its answer cannot be read' },
      ]);
    }
  });

  it('of this router alone asks nobody, and says so', async () => {
    expect((await suspend(parts, { home: false })).notes).toEqual([
      'this is for this router alone: --home is for all of them',
    ]);
    expect(parts.questions).toEqual([]);
  });
});

describe('halting enforcement', () => {
  const call = (parts: ReturnType<typeof fakeParts>, name: string, params: object = {}) =>
    methodsOf(parts)
      .get(name)
      ?.run({ by: 'anna', ...params });

  it('suspends for ten minutes unless told otherwise, a day at most', async () => {
    const parts = fakeParts();
    expect(await call(parts, 'suspend')).toMatchObject({
      changed: true,
      halted: { kind: 'suspended', by: 'anna' },
    });
    expect(parts.halts.now()).toMatchObject({ kind: 'suspended' });
    await expect(call(parts, 'suspend', { for: '25h' })).rejects.toThrow('a day at most');
    await expect(call(parts, 'suspend', { for: 'soon' })).rejects.toThrow('not a length of time');
  });

  it('clears only when it is meant so', async () => {
    const parts = fakeParts();
    await expect(call(parts, 'clear')).rejects.toMatchObject({ name: 'ConfirmationError', exitCode: 64 });
    expect(parts.halts.now()).toBeUndefined();
    expect(await call(parts, 'clear', { confirm: true })).toMatchObject({ halted: { kind: 'cleared' } });
    expect(await call(parts, 'clear', { confirm: true })).toMatchObject({ changed: false });
    expect(await call(parts, 'enforce')).toMatchObject({ changed: true, halted: undefined, enforcing: true });
    expect(await call(parts, 'enforce')).toMatchObject({ changed: false });
  });

  it('with dryRun changes nothing', async () => {
    const parts = fakeParts();
    for (const name of ['suspend', 'clear'])
      expect(await call(parts, name, { dryRun: true })).toMatchObject({
        dryRun: true,
        halted: { by: 'anna' },
      });
    expect(parts.halts.now()).toBeUndefined();
  });

  it('keeps what was cleared when somebody suspends', async () => {
    const parts = fakeParts();
    await call(parts, 'clear', { confirm: true });
    expect(await call(parts, 'suspend')).toMatchObject({ changed: false, halted: { kind: 'cleared' } });
    expect(await call(parts, 'enforce', { cleared: false })).toMatchObject({ changed: false });
    expect(parts.halts.now()).toMatchObject({ kind: 'cleared' });
  });

  it('again and again is refused, but not to somebody else', async () => {
    const methods = methodsOf(fakeParts());
    const say = (name: string, by: string) => methods.get(name)?.run({ by });
    let made = 0;
    const often = async () => {
      for (; made < 1_000; made += 1) await say('suspend', 'mqtt');
    };
    await expect(often()).rejects.toMatchObject({ name: 'TemporaryError', exitCode: 75 });
    expect(made).toBe(20);
    expect(await say('enforce', 'anna')).toMatchObject({ changed: true });
  });

  it('is told in words', () => {
    const halted = { kind: 'suspended', by: 'anna', at: 0 } as const;
    expect(haltedWords({ ...halted, secondsLeft: 540 })).toBe('suspended by anna, for 9 min more');
    expect(haltedWords({ ...halted, kind: 'cleared', secondsLeft: undefined })).toBe(
      'cleared by anna, until hedgerow enforce',
    );
    expect(haltedWords(undefined)).toBeUndefined();
  });
});
