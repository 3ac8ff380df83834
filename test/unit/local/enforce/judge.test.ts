import { expect, test } from 'vitest';
import { Judge } from '../../../../src/local/enforce/judge.ts';
import { blockSet, owner } from './block-sets.ts';

const TV = '192.168.1.20';
const MAC = '02:aa:00:00:00:02';
const judge = new Judge(
  blockSet(
    [
      owner('1', [TV], ['203.0.113.7'], [MAC], {
        networks: ['198.51.100.0/24', '198.51.100.64/26', '0.0.0.0/0'],
        lan: true,
        exceptions: ['203.0.113.8', '192.168.1.40', '198.18.0.1'],
        exceptedNetworks: ['198.51.100.128/25', '203.0.113.0/28'],
      }),
      owner('2', ['192.168.1.30'], [], [], { internet: true }),
    ],
    { everyone: ['198.18.0.1', '198.51.100.129'], guard: ['198.51.100.3/32', '192.168.1.1/32'] },
  ),
);
const one = '1'.padStart(32, '0');
const two = '2'.padStart(32, '0');

test.each([
  ['an address', TV, '203.0.113.7', one, '203.0.113.7'],
  ['an address in an excepted network', TV, '203.0.113.7', one, '203.0.113.7'],
  ['the narrowest network', TV, '198.51.100.65', one, '198.51.100.64/26'],
  ['every address', TV, '192.0.2.1', one, '0.0.0.0/0'],
  ['what is blocked for everyone, in an excepted network', TV, '198.51.100.129', undefined, '198.51.100.129'],
  ['the internet', '192.168.1.30', '192.0.2.1', two, 'internet'],
  [
    'what is blocked for everyone, for an address of nobody',
    '192.168.1.77',
    '198.18.0.1',
    undefined,
    '198.18.0.1',
  ],
])('%s is blocked', (_, near, far, id, remote) => {
  expect(judge.dropOf(near, far)).toEqual({ owner: id, remote });
  expect(judge.dropOf(far, near)).toEqual({ owner: id, remote });
});

test.each([
  ['an excepted address', TV, '203.0.113.8'],
  ['one that is blocked for everyone', TV, '198.18.0.1'],
  ['an excepted network', TV, '198.51.100.130'],
  ['the guard', TV, '198.51.100.3'],
  ['an excepted device of the home', TV, '192.168.1.40'],
  ['the home, when only the internet is blocked', '192.168.1.30', '192.168.1.77'],
  ['another family', '2001:db8:1::20', '2001:db8::1'],
])('%s is not', (_, near, far) => {
  expect(judge.dropOf(near, far)).toBeUndefined();
});

test('an unknown address is judged by its MAC, and only as a source', () => {
  expect(judge.dropOf('192.168.1.21', '203.0.113.7', MAC)).toEqual({ owner: one, remote: '203.0.113.7' });
  expect(judge.dropOf('203.0.113.7', '192.168.1.21')).toBeUndefined();
  expect(judge.dropOf('192.168.1.30', '192.168.1.77', MAC)).toBeUndefined();
});

test('the router itself is judged by its own policies alone', () => {
  const own = owner('router', ['203.0.113.1'], ['203.0.113.7', '198.51.100.3'], [], {
    networks: ['198.51.100.0/24'],
    exceptions: ['198.51.100.9'],
  });
  const tv = owner('1', [TV], ['203.0.113.8']);
  const set = blockSet([tv], { everyone: ['203.0.113.9'], guard: ['198.51.100.3/32'] });
  const router = new Judge({ ...set, own });
  const blocked = [
    '203.0.113.7',
    '198.51.100.8',
    '203.0.113.8',
    '203.0.113.9',
    '198.51.100.3',
    '198.51.100.9',
  ];
  expect(blocked.map((far) => router.own(far)?.remote)).toEqual([
    '203.0.113.7',
    '198.51.100.0/24',
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(new Judge(set).own('203.0.113.7')).toBeUndefined();
  expect(router.dropOf('203.0.113.1', '203.0.113.7')).toBeUndefined();
});
