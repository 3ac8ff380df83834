import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import { haltedWords } from '../../../src/control/views/halted.ts';
import { fakeParts } from '../../support/parts.ts';

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

  it('is told in words', () => {
    const halted = { kind: 'suspended', by: 'anna', at: 0 } as const;
    expect(haltedWords({ ...halted, secondsLeft: 540 })).toBe('suspended by anna, for 9 min more');
    expect(haltedWords({ ...halted, kind: 'cleared', secondsLeft: undefined })).toBe(
      'cleared by anna, until hedgerow enforce',
    );
    expect(haltedWords(undefined)).toBeUndefined();
  });
});
