import { expect, test } from 'vitest';
import { isOurChain, parseSetName, setName, temporaryName } from '../../../../src/local/enforce/names.ts';

test.each(['hedge-L-4', 'hedge-d0-4', 'hedge-r199999-6', 'hedge-tmp-an3-6', 'hedge-w1-4'])(
  '%s is ours',
  (name) => {
    expect(parseSetName(name)).toBeDefined();
  },
);

test.each([
  'hedge',
  'hedge-fund',
  'hedge-L-5',
  'hedge-L1-4',
  'hedge-d-4',
  'hedge-ack',
  't-L-4',
  'xhedge-L-4',
  'hedge-L-4x',
])('%s is not', (name) => {
  expect(parseSetName(name)).toBeUndefined();
});

test('names fit the kernel and are read as they were made', () => {
  const name = setName('r', 6, 199_999);
  expect(temporaryName(name).length).toBeLessThanOrEqual(31);
  expect(parseSetName(name)).toEqual({ letter: 'r', index: 199_999, family: 6, temporary: false });
  expect(parseSetName(temporaryName(name))?.temporary).toBe(true);
});

test('chains', () => {
  expect(['HEDGEROW', 'HR-O', 'HR-Od12'].every(isOurChain)).toBe(true);
  expect(['FORWARD', 'HEDGEROW2', 'HR', 'HR-', 'MYHR-O', 'DOCKER'].some(isOurChain)).toBe(false);
});
