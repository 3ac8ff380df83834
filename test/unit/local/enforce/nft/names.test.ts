import { describe, expect, test } from 'vitest';
import {
  decodePrefix,
  encodePrefix,
  markOf,
  parseHitName,
  setName,
} from '../../../../../src/local/enforce/nft/names.ts';

describe('prefixes as addresses', () => {
  test.each([
    ['203.0.113.0/24', '203.0.113.128'],
    ['203.0.113.0/25', '203.0.113.64'],
    ['203.0.113.6/31', '203.0.113.7'],
    ['0.0.0.0/1', '64.0.0.0'],
    ['128.0.0.0/1', '192.0.0.0'],
    ['2001:db8::/32', '2001:db8:8000::'],
    ['::/1', '4000::'],
    ['2001:db8::4/126', '2001:db8::6'],
    // Never IPv4 in IPv6's place.
    ['::ffff:0:0/96', '::ffff:8000:0'],
  ])('%s is %s', (prefix, address) => {
    expect(encodePrefix(prefix)).toBe(address);
    expect(decodePrefix(address)).toBe(prefix);
  });

  test('the mask and the bit make it of any address in the prefix', () => {
    expect(markOf(24, 4)).toEqual({ mask: '255.255.255.0', bit: '0.0.0.128' });
    expect(markOf(1, 4)).toEqual({ mask: '128.0.0.0', bit: '64.0.0.0' });
    expect(markOf(48, 6)).toEqual({ mask: 'ffff:ffff:ffff::', bit: '0:0:0:8000::' });
  });
});

test('names', () => {
  expect(setName('p', 4)).toBe('p4');
  expect(setName('am', 6, 2)).toBe('am6_2');
  expect(parseHitName('hit_nm6')).toEqual({ letter: 'nm', family: 6 });
  for (const name of ['p4', 'hit_x4', 'hit_p5', 'hit_p4_1', 'my_hit_p4'])
    expect(parseHitName(name)).toBeUndefined();
});
