import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import { call } from '../../../src/control/rpc.ts';
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
