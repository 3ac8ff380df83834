import { describe, expect, it } from 'vitest';
import { PrefixSet } from '../../../src/policy/address.ts';
import { type Bounds, guardOf, HomeAndGuard, homePrefixes } from '../../../src/policy/guard.ts';

const HOME = new Set(['192.168.1.0/24', '2001:db8:1::/64']);

describe('the guard', () => {
  const guard = new PrefixSet(
    guardOf(
      ['192.168.1.1', '198.51.100.11', '2001:db8:1::1'],
      ['192.168.1.2', '203.0.113.20', '2001:db8:1::2', '2001:db8:cb00::20'],
      HOME,
    ),
  );

  it.each([
    ['loopback', '127.0.0.1', true],
    ['loopback of IPv6', '::1', true],
    ['the unspecified address, of DHCP', '0.0.0.0', true],
    ['the broadcast, of DHCP', '255.255.255.255', true],
    ['link-local', '169.254.1.1', true],
    ['link-local of IPv6', 'fe80::1', true],
    ['multicast', '224.0.0.251', true],
    ['multicast of IPv6, of neighbour discovery', 'ff02::1:ff00:1', true],
    ['this router in the LAN', '192.168.1.1', true],
    ['this router at its uplink', '198.51.100.11', true],
    ['this router in IPv6', '2001:db8:1::1', true],
    ['a member inside the home', '192.168.1.2', true],
    ['a member inside the home, in IPv6', '2001:db8:1::2', true],
    ['a member that claims an address outside', '203.0.113.20', false],
    ['a member that claims an address outside, in IPv6', '2001:db8:cb00::20', false],
    ['a device', '192.168.1.20', false],
    ['the internet', '203.0.113.7', false],
  ])('%s (%s) is guarded: %s', (_, address, guarded) => {
    expect(guard.has(address)).toBe(guarded);
  });

  it('takes no address that is none', () => {
    expect([...guardOf(['nonsense', '300.1.1.1'], [], HOME)]).toEqual([...guardOf([], [], HOME)]);
  });
});

describe("the home's prefixes", () => {
  it.each([
    ['a private network', '192.168.2.0/24', true],
    ['all of 10/8', '10.0.0.0/8', true],
    ['a shared address space', '100.64.0.0/10', true],
    ['a global network of IPv6, as a provider hands out', '2001:db8:2::/48', true],
    ['a unique local one', 'fd12:3456:789a::/48', true],
    ['a larger one of IPv6', '2001:db8::/47', false],
    ['half of the internet', '0.0.0.0/1', false],
    ['all of it', '0.0.0.0/0', false],
    ['all of it, in IPv6', '::/0', false],
    ["somebody's public addresses", '203.0.113.0/24', false],
    ['one public address', '203.0.113.20/32', false],
    ['a private address with all the rest', '10.0.0.0/7', false],
    ['link-local', 'fe80::/64', false],
  ])('a member may announce %s (%s): %s', (_, prefix, taken) => {
    expect(homePrefixes([], [prefix], []).has(prefix)).toBe(taken);
  });

  it('are those of our own LANs and of the config, whatever they are', () => {
    const home = homePrefixes(['198.51.100.0/24'], [], ['203.0.113.0/28', '0.0.0.0/0']);
    expect([...home]).toEqual(['198.51.100.0/24', '203.0.113.0/28', '0.0.0.0/0']);
  });
});

describe('home and guard in turn', () => {
  const bounds = (over: Partial<Bounds> = {}): Bounds => ({
    prefixes: [['192.168.1.0/24'], ['192.168.2.0/24'], ['198.51.100.0/28']],
    addresses: [['192.168.1.1'], ['192.168.2.1']],
    ...over,
  });

  it('are the same objects as long as what they come from is the same', () => {
    const both = new HomeAndGuard();
    const first = both.next(bounds());
    expect([...first.home].sort()).toEqual(['192.168.1.0/24', '192.168.2.0/24', '198.51.100.0/28']);
    expect(first.guard.has('192.168.2.1/32')).toBe(true);
    const again = both.next(bounds());
    expect(again.home).toBe(first.home);
    expect(again.guard).toBe(first.guard);
  });

  it.each<[string, Partial<Bounds>]>([
    ['a LAN', { prefixes: [['192.168.3.0/24'], ['192.168.2.0/24'], ['198.51.100.0/28']] }],
    ['what a member announces', { prefixes: [['192.168.1.0/24'], [], ['198.51.100.0/28']] }],
    ['the configuration', { prefixes: [['192.168.1.0/24'], ['192.168.2.0/24'], []] }],
    ['where it comes from', { prefixes: [['192.168.1.0/24', '203.0.113.0/24'], ['192.168.2.0/24'], []] }],
    ['an own address', { addresses: [['192.168.1.254'], ['192.168.2.1']] }],
    ['the address of a member', { addresses: [['192.168.1.1'], ['192.168.2.254']] }],
    ['whose address it is', { addresses: [['192.168.1.1', '203.0.113.9'], ['192.168.2.1']] }],
  ])('follow %s', (_, over) => {
    const both = new HomeAndGuard();
    const first = both.next(bounds());
    const next = both.next(bounds(over));
    const { prefixes, addresses } = bounds(over);
    const home = homePrefixes(...prefixes);
    expect([...next.home]).toEqual([...home]);
    expect([...next.guard]).toEqual([...guardOf(...addresses, home)]);
    expect(next.home === first.home && next.guard === first.guard).toBe(false);
    // An address moves no prefix.
    expect(next.home === first.home).toBe(over.prefixes === undefined);
  });
});
