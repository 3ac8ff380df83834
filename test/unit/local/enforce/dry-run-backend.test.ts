import { expect, test } from 'vitest';
import { DryRunBackend } from '../../../../src/local/enforce/dry-run-backend.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const options = { clock: new FakeClock(), log: silentLog, wan: [] };

test('an observer says that it is one, and why; neither is one that enforces', () => {
  const [asked, observing] = [
    new DryRunBackend(options),
    new DryRunBackend({ ...options, observing: 'ipset is not installed' }),
  ];
  expect(asked.describe().name).toBe('dry-run');
  expect(observing.describe()).toEqual({
    name: 'observer',
    detail: 'only observing: ipset is not installed',
  });
  expect([asked.name, observing.name]).toEqual(['dry-run', 'dry-run']);
});
