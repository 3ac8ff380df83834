import { expect, test } from 'vitest';
import { blockedInside } from '../../../../src/control/views/status.ts';

test('a bridge that forwards nothing blocks between the devices on it, if anything', () => {
  const onBridge = (name: string): boolean => name.startsWith('br');
  expect(blockedInside(['br0', 'eth1'], onBridge)).toBe(
    'it blocks only what devices on br0 send to each other through it',
  );
  for (const nothing of [
    blockedInside(['eth1'], onBridge),
    blockedInside([], onBridge),
    blockedInside(['br0']),
  ])
    expect(nothing).toBe('it blocks nothing');
});
