import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalAddress,
  canonicalDomain,
  canonicalMac,
  canonicalPrefix,
  familyOf,
  isPrivate,
  isSpecial,
  PrefixSet,
} from '../../../src/policy/address.ts';

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:0:0:0:0', '2001:db8:0:1::'],
    ['2001:db8::0001', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:db8::192.0.2.1', '2001:db8::c000:201'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  it.each([
    ...['', ' ', '1', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.04', '0x7f.0.0.1', '127.1'],
    ...['1.2.3.4 ', '1.2.3.4\n', '1.2.3.', '.1.2.3.4', 'fe80::1%eth0', ':::', '1::2::3', '12345::'],
    ...['2001:db8', 'g::1', '::1/128', '[::1]', '١.٢.٣.٤', `${'0:'.repeat(40)}1`],
  ])('%j is none', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });

  it('has a family', () => {
    expect([familyOf('192.0.2.1'), familyOf('2001:db8::1'), familyOf('fd00::/8')]).toEqual([4, 6, 6]);
  });

  it.each([
    ['127.0.0.1', true],
    ['0.0.0.0', true],
    ['169.254.3.4', true],
    ['224.0.0.251', true],
    ['239.255.255.250', true],
    ['255.255.255.255', true],
    ['::', true],
    ['::1', true],
    ['fe80::1', true],
    ['febf::1', true],
    ['ff02::fb', true],
    ['192.168.1.1', false],
    ['203.0.113.1', false],
    ['fd00::1', false],
    ['fec0::1', false],
    ['2001:db8::1', false],
  ])('%s is special: %s', (address, special) => {
    expect(isSpecial(address)).toBe(special);
  });

  it.each([
    ['10.0.0.0', true],
    ['10.255.255.255', true],
    ['11.0.0.0', false],
    ['172.15.255.255', false],
    ['172.16.0.0', true],
    ['172.31.255.255', true],
    ['172.32.0.0', false],
    ['192.168.0.0', true],
    ['192.169.0.0', false],
    ['100.63.255.255', false],
    ['100.64.0.0', true],
    ['100.127.255.255', true],
    ['100.128.0.0', false],
    ['169.254.0.1', true],
    ['fe80::1', true],
    ['fd00::1', false],
    ['2001:db8::1', false],
  ])('%s means something only inside its segment: %s', (address, inside) => {
    expect(isPrivate(address)).toBe(inside);
  });
});

describe('a MAC', () => {
  it.each([
    ['02:00:00:AA:bb:0C', '02:00:00:aa:bb:0c'],
    ['02-00-00-aa-bb-0c', '02:00:00:aa:bb:0c'],
    ['fe:ff:ff:ff:ff:ff', 'fe:ff:ff:ff:ff:ff'],
    ['00:00:00:00:00:00', undefined],
    ['ff:ff:ff:ff:ff:ff', undefined],
    ['01:00:5e:00:00:01', undefined],
    ['33:33:00:00:00:01', undefined],
    ['02:00:00:aa:bb', undefined],
    ['02:00:00:aa:bb:0c:0d', undefined],
    ['020000aabb0c', undefined],
    ['02:00:00:aa:bb:g0', undefined],
    [' 02:00:00:aa:bb:0c', undefined],
    ['', undefined],
  ])('%j is %s', (text, canonical) => {
    expect(canonicalMac(text)).toBe(canonical);
  });
});

describe('a network', () => {
  it.each([
    ['192.168.1.77/24', '192.168.1.0/24'],
    ['192.168.1.77', '192.168.1.77/32'],
    ['10.255.0.0/9', '10.128.0.0/9'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['255.255.255.255/31', '255.255.255.254/31'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::/0', '::/0'],
    ['FD00::1/8', 'fd00::/8'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalPrefix(text)).toBe(canonical);
  });

  it.each([
    ...['', '/', '/24', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/8/8', '10.0.0.0/', '10/8'],
    ...['2001:db8::/129', '10.0.0.0/255.0.0.0', 'ads.example/24', '10.0.0.0/8.5', '10.0.0.0/1e1'],
  ])('%j is none', (text) => {
    expect(canonicalPrefix(text)).toBeUndefined();
  });

  it('holds the addresses between its first and its last, of its family', () => {
    const set = new PrefixSet(['192.168.8.0/21', '2001:db8:8000::/33', '203.0.113.7/32']);
    for (const inside of ['192.168.8.0', '192.168.15.255', '2001:db8:ffff::1', '203.0.113.7']) {
      expect(set.has(inside), inside).toBe(true);
    }
    for (const outside of [
      '192.168.7.255',
      '192.168.16.0',
      '2001:db8:7fff::1',
      '203.0.113.8',
      '::c0a8:800',
    ]) {
      expect(set.has(outside), outside).toBe(false);
    }
    expect(new PrefixSet(['0.0.0.0/0']).has('203.0.113.7')).toBe(true);
    expect(new PrefixSet(['0.0.0.0/0']).has('2001:db8::1')).toBe(false);
    expect(new PrefixSet([]).has('203.0.113.7')).toBe(false);
  });
});

describe('a domain', () => {
  it.each([
    ['Ads.Example.', 'ads.example'],
    ['_dmarc.ads.example', '_dmarc.ads.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['1.2.3.com', '1.2.3.com'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalDomain(text)).toBe(canonical);
  });

  it.each([
    ...[
      '',
      '.',
      'example',
      'localhost',
      '..',
      'ads..example',
      '.ads.example',
      '-ads.example',
      'ads-.example',
    ],
    ...['ads.exa mple', 'bücher.example', '*.ads.example', 'ads.example..', '192.0.2.1', 'a\n.example'],
    ...[`${'a'.repeat(64)}.example`, `${'a.'.repeat(127)}example`],
  ])('%j is none', (text) => {
    expect(canonicalDomain(text)).toBeUndefined();
  });
});

describe('any text', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef:./-%x ') }),
    fc.ipV4Extended(),
    fc.ipV6(),
    fc.domain(),
    fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(140)).map(([address, length]) => `${address}/${length}`),
  );

  it.each([
    ['an address', canonicalAddress],
    ['a network', canonicalPrefix],
    ['a MAC', canonicalMac],
    ['a domain', canonicalDomain],
  ])('is %s in its one canonical form, or none; it never throws', (_, canonical) => {
    fc.assert(
      fc.property(text, (any) => {
        const once = canonical(any);
        if (once !== undefined) expect(canonical(once)).toBe(once);
      }),
      { numRuns: 500 },
    );
  });

  it('that are the same address have the same form, and are in their own network', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(32), (any, length) => {
        const address = canonicalAddress(any) ?? '';
        expect(address).not.toBe('');
        expect(canonicalAddress(any.toUpperCase())).toBe(address);
        const network = canonicalPrefix(`${address}/${length}`) ?? '';
        expect(new PrefixSet([network]).has(address)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
