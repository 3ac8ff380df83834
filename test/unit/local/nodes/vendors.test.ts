import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packVendors } from '../../../../scripts/vendors.ts';
import { isRandomised, Vendors } from '../../../../src/local/nodes/vendors.ts';

const folder = mkdtempSync(join(tmpdir(), 'hedgerow-vendors-'));
const file = join(folder, 'vendors.bin');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const REGISTRY: Record<string, string> = {
  '001122': 'Lamps  & Sons\nA street\nNetherlands',
  B827EB: 'Raspberry Pi Foundation',
  FCFFFF: `${'Very '.repeat(20)}Long Name`,
  C85CE2: 'IEEE Registration Authority\nPiscataway',
  C85CE27: 'Synergy',
  C85CE28: 'Private',
  '70B3D5123': 'Tiny',
  '70B3D5': 'IEEE Registration Authority',
  '001123': 'Lamps  & Sons',
  C85CE2F: 'Müller',
};
writeFileSync(file, packVendors(REGISTRY));

test('24, 28 and 36 bits: the longest prefix wins; the registry and the private are nobody', () => {
  const vendors = new Vendors(file);
  for (const [mac, vendor] of [
    ['00:11:22:01:02:03', 'Lamps & Sons'],
    ['00:11:23:ff:ff:ff', 'Lamps & Sons'],
    ['00:11:24:00:00:00', undefined],
    ['00:00:00:00:00:01', undefined],
    ['b8:27:eb:00:00:01', 'Raspberry Pi Foundation'],
    ['c8:5c:e2:7a:00:01', 'Synergy'],
    ['c8:5c:e2:8a:00:01', undefined],
    ['c8:5c:e2:fa:00:01', 'Müller'],
    ['c8:5c:e2:1a:00:01', undefined],
    ['70:b3:d5:12:30:01', 'Tiny'],
    ['70:b3:d5:12:40:01', undefined],
    ['fc:ff:ff:00:00:00', 'Very '.repeat(12).trim()],
    ['fc:ff:ff:00:00:00', 'Very '.repeat(12).trim()],
  ] as const)
    expect(vendors.vendorOf(mac), mac).toBe(vendor);
});

test('a randomised MAC has no vendor', () => {
  expect(isRandomised('ba:27:eb:00:00:01')).toBe(true);
  expect(isRandomised('b8:27:eb:00:00:01')).toBe(false);
  expect(new Vendors(file).vendorOf('02:11:22:01:02:03')).toBeUndefined();
});

test('no file, another file, half a file: nobody is known, and nothing else is wrong', () => {
  expect(new Vendors(join(folder, 'missing')).vendorOf('00:11:22:01:02:03')).toBeUndefined();
  const whole = packVendors(REGISTRY);
  const broken = join(folder, 'broken');
  for (const text of ['', 'HGV1', 'not a table at all, this one']) {
    writeFileSync(broken, text);
    expect(new Vendors(broken).vendorOf('00:11:22:01:02:03')).toBeUndefined();
  }
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(broken, whole.subarray(0, length));
    expect([undefined, 'Lamps & Sons']).toContain(new Vendors(broken).vendorOf('00:11:22:01:02:03'));
  }
});

test('answers are remembered, up to a limit', () => {
  const gone = join(folder, 'gone');
  writeFileSync(gone, packVendors(REGISTRY));
  const vendors = new Vendors(gone);
  expect(vendors.vendorOf('00:11:22:01:02:03')).toBe('Lamps & Sons');
  rmSync(gone);
  expect(vendors.vendorOf('00:11:22:01:02:03')).toBe('Lamps & Sons');
  for (let i = 0; i < 1_024; i++)
    vendors.vendorOf(
      `00:11:22:02:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
    );
  expect(vendors.vendorOf('00:11:22:01:02:03')).toBeUndefined();
});
