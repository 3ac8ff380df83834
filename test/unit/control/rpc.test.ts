import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import { call, failureOf } from '../../../src/control/rpc.ts';
import { silentLog } from '../../../src/log.ts';
import { house, policies } from './two-devices.ts';

describe('who it was', () => {
  it('is said of changes by the door, and of views nothing: there `by` is something else', async () => {
    const parts = house();
    const methods = methodsOf(parts);
    await call(methods, 'block', { first: 'tv', second: 'ads.example' }, 'door');
    await call(methods, 'block', { first: 'phone', second: 'ads.example', by: 'anna' }, 'door');
    expect(
      policies(parts, 'block')
        .map(({ op }) => op.by)
        .sort(),
    ).toEqual(['anna', 'door']);
    expect(await call(methods, 'flows', {}, 'door')).toEqual([]);
    expect(await call(methods, 'audit', {}, 'door')).toMatchObject({ entries: { length: 2 } });
  });
});

describe('what is too long or too short', () => {
  it.each([
    ['block', { first: '' }, 'first: must not be empty'],
    ['block', { first: 'a'.repeat(256) }, 'first: must have at most 255 characters'],
    ['undo', { count: 0 }, 'count: must be at least 1'],
  ])('is told in words of people: %s %j', async (method, params, message) => {
    const refused = await call(methodsOf(house()), method, params, 'door').catch((error: unknown) => error);
    expect(failureOf(refused, silentLog)).toMatchObject({ name: 'UsageError', exitCode: 64, message });
  });
});
