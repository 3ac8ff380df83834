import { describe, expect, it } from 'vitest';
import {
  addressToSpeakFrom,
  dialableOn,
  isInside,
  onLink,
} from '../../../../src/p2p/discovery/interface-addresses.ts';

const lan = { name: 'br-lan', addresses: ['192.168.1.1/24', 'fd77::1/64', 'fe80::1/64'] };

describe('what can be dialled on an interface', () => {
  it.each<[string, string[], string[]]>([
    [
      'every address under a wildcard',
      ['/ip4/0.0.0.0/tcp/4411', '/ip6/::/tcp/4412'],
      ['/ip4/192.168.1.1/tcp/4411', '/ip6/fd77::1/tcp/4412'],
    ],
    [
      'only its own addresses',
      ['/ip4/192.168.1.1/tcp/4411/p2p/x', '/ip4/10.0.0.1/tcp/4411'],
      ['/ip4/192.168.1.1/tcp/4411'],
    ],
    ['nothing of what listens elsewhere', ['/ip4/127.0.0.1/tcp/4411', '/memory/x', 'rubbish', ''], []],
    ['nothing when nothing listens', [], []],
  ])('is %s', (_, listening, dialable) => {
    expect(dialableOn(lan, listening)).toEqual(dialable);
  });
});

describe('a datagram', () => {
  it.each([
    ['192.168.1.77', true],
    ['192.168.2.77', false],
    ['fd77::99', true],
    ['fe80::99%br-lan', true],
    ['fe80::99%br-guest', false],
    ['rubbish', false],
  ])('from %s came over it: %s', (source, came) => {
    expect(onLink(lan)(source)).toBe(came);
  });
});

it('an interface speaks the families that it has', () => {
  expect(addressToSpeakFrom(lan, 4)).toBe('192.168.1.1');
  expect(addressToSpeakFrom({ name: 'wg0', addresses: ['10.9.0.1/24'] }, 6)).toBeUndefined();
});

describe('an uplink', () => {
  const leadsInside = (...addresses: string[]) => isInside({ name: 'wan', addresses });

  it('of a private network leads into the home, also with public IPv6', () => {
    expect(leadsInside('192.168.1.20/24')).toBe(true);
    expect(leadsInside('10.0.0.2/8', '2a02:a440::20/64')).toBe(true);
    expect(leadsInside('fd12:3456::2/64', 'fe80::1/64')).toBe(true);
  });

  it('of a provider does not', () => {
    expect(leadsInside('8.8.4.4/24')).toBe(false);
    expect(leadsInside('100.70.1.2/10')).toBe(false);
    expect(leadsInside('192.168.1.20/24', '8.8.4.4/24')).toBe(false);
    expect(leadsInside('2a02:a440::20/64', 'fe80::1/64')).toBe(false);
    expect(leadsInside()).toBe(false);
  });
});
