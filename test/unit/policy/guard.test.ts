import { describe, expect, it } from 'vitest';
import { PrefixSet } from '../../../src/policy/address.ts';
import { guardOf, homePrefixes } from '../../../src/policy/guard.ts';

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
