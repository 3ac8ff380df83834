import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isElement, isMac, networks } from '../../../../src/local/enforce/elements.ts';
import { canonicalAddress, canonicalPrefix } from '../../../../src/policy/address.ts';

test.each([
  ['203.0.113.7', true],
  ['255.255.255.255', true],
  ['2001:db8::1', true],
  ['2001:db8:1:2:aa:bb:cc:dd', true],
  ['2001:db8::', true],
  ['1:0:0:2:0:0:0:3', false],
  ['1:0:0:2::3', true],
  ['1:2:3:4:5:6::8', false],
  ['1:2:3:4:5:6:0:8', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['203.0.113.256', false],
  ['203.0.113.07', false],
  ['1:2', false],
  ['2001:DB8::1', false],
  ['::ffff:203.0.113.7', false],
  ['::ffff:cb00:7107', false],
  ['fe80::1%eth0', false],
  ['203.0.113.7/32', false],
  ['203.0.113.7\nflush', false],
  ['example.org', false],
  ['', false],
])('%j as an address: %s', (text, good) => {
  expect(isElement(text)).toBe(good);
});

test.each([
  ['203.0.113.0/24', ['203.0.113.0/24']],
  ['203.0.113.7/32', ['203.0.113.7/32']],
  ['2001:db8::/32', ['2001:db8::/32']],
  ['2001:db8::1/128', ['2001:db8::1/128']],
  ['0.0.0.0/0', ['0.0.0.0/1', '128.0.0.0/1']],
  ['::/0', ['::/1', '8000::/1']],
  ['203.0.113.7/24', []],
  ['203.0.113.0/33', []],
  ['203.0.113.0/024', []],
  ['203.0.113.0', []],
  ['2001:db8::1/64', []],
  ['2001:db8:0:0::/64', []],
  ['fe80::%eth0/64', []],
  ['10.0.0.0/8 nomatch', []],
  ['10.0.0.0/8/8', []],
  ['', []],
])('%j as a network: %j', (text, parts) => {
  expect(networks(text)).toEqual(parts);
});

test('MACs are lower-case and nothing else', () => {
  expect(isMac('02:aa:00:00:00:01')).toBe(true);
  for (const one of [
    '02:AA:00:00:00:01',
    '02-aa-00-00-00-01',
    '02:aa:00:00:00:01 -j ACCEPT',
    '02:aa:00:00:00:01\n',
    '',
  ])
    expect(isMac(one)).toBe(false);
});

test('what a tool may be handed is canonical, whatever comes, and all that is may be', {
  timeout: 60_000,
}, () => {
  const piece = fc.constantFrom(
    '0',
    '1',
    'a',
    'db8',
    'ffff',
    ':',
    '::',
    '.',
    '/',
    '%',
    ' ',
    '\n',
    '255',
    '64',
    '2001:db8:',
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join('')),
    fc.ipV6(),
    fc.ipV4(),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(text, (one) => {
      if (isElement(one)) expect(canonicalAddress(one)).toBe(one);
      for (const part of networks(one)) expect(canonicalPrefix(part)).toBe(part);
      for (const length of [0, 1, 7, 24, 32, 48, 64, 128]) {
        const prefix = `${one}/${length}`;
        const canonical = canonicalPrefix(prefix);
        if (networks(prefix).length === 0) expect(canonical).not.toBe(prefix);
        else expect(canonical).toBe(prefix);
        if (canonical !== undefined) expect(networks(canonical)).not.toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});
