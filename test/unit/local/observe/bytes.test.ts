import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv4At, ipv6At, macAt, u32 } from '../../../../src/local/observe/bytes.ts';
import { canonicalAddress, canonicalMac } from '../../../../src/policy/address.ts';

/** Mostly zeros, so that there is something to shorten. */
const sixteen = fc.array(fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 255 })), {
  minLength: 16,
  maxLength: 16,
});

test('addresses come out canonical, as the policy reads them', () => {
  fc.assert(
    fc.property(sixteen, (octets) => {
      const bytes = Uint8Array.from(octets);
      const words = Array.from({ length: 8 }, (_, i) => bytes.subarray(2 * i, 2 * i + 2));
      const long = words.map((word) => Buffer.from(word).toString('hex')).join(':');
      expect(ipv6At(bytes, 0)).toBe(canonicalAddress(long));
      expect(ipv4At(bytes, 4)).toBe(canonicalAddress([...bytes.subarray(4, 8)].join('.')));
    }),
  );
});

test('an IPv4-mapped address becomes IPv4', () => {
  const bytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1]);
  expect(ipv6At(bytes, 0)).toBe('192.0.2.1');
});

test('MACs: as the policy reads them; group addresses and zero are nobody’s', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
      expect(macAt(bytes, 0)).toBe(canonicalMac(text));
    }),
  );
  expect(macAt(new Uint8Array(6), 0)).toBeUndefined();
  expect(macAt(new Uint8Array(5), 0)).toBeUndefined();
});

test('numbers are unsigned', () => {
  expect(u32(Uint8Array.from([255, 255, 255, 255]), 0)).toBe(0xffffffff);
});
