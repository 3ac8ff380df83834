import { describe, expect, it } from 'vitest';
import { decide, type Situation } from '../../../src/policy/decide.ts';
import type { Descriptor } from '../../../src/policy/descriptor.ts';
import { guardOf, homePrefixes } from '../../../src/policy/guard.ts';
import type { Record, Subject } from '../../../src/policy/records.ts';
import { isEnforceable } from '../../../src/policy/rules.ts';

const TV = '11'.repeat(16);
const PHONE = '22'.repeat(16);
const ADS = '33'.repeat(16);
const HERE = 'attic/br-lan';

const tv: Descriptor = {
  node: TV,
  device: true,
  macs: ['02:00:00:00:00:01'],
  addresses: [
    { address: '192.168.1.20', segment: HERE },
    { address: '2001:db8:1::20', segment: HERE },
    { address: '192.168.2.99', segment: 'kitchen/br-lan' },
    { address: '2001:db8:2::99', segment: 'kitchen/br-lan' },
    { address: 'fe80::1', segment: HERE },
  ],
  domains: [],
  names: ['tv'],
};
const phone: Descriptor = {
  node: PHONE,
  device: true,
  macs: ['02:00:00:00:00:02'],
  addresses: [{ address: '192.168.1.30', segment: HERE }],
  domains: [],
  names: [],
};
const ads: Descriptor = {
  node: ADS,
  device: false,
  macs: [],
  addresses: [{ address: '203.0.113.7' }, { address: '2001:db8:cb00::7' }],
  domains: ['ads.example'],
  names: [],
};

const device = (id: string): Subject => ({ kind: 'device', id });
const adsDomain: Subject = { kind: 'domain', domain: 'ads.example' };
const block = (a: Subject, b: Subject): Record => ({ kind: 'block', a, b, terms: {}, apart: [] });

function situation(records: Record[], over: Partial<Situation> = {}): Situation {
  const home = homePrefixes(['192.168.1.0/24', '2001:db8:1::/64'], [], []);
  return {
    live: records.map((record, index) => ({ id: `r/${index}`, record })),
    descriptors: [tv, phone, ads],
    segments: new Set([HERE]),
    home,
    guard: guardOf(['192.168.1.1'], [], home),
    routerMacs: new Set(),
    maxAddresses: 1_000,
    readyOwners: 0,
    ...over,
  };
}

describe('decide', () => {
  it('blocks nothing when nothing is wanted, and knows every device', () => {
    const set = decide(situation([]));
    expect(set.owners.size).toBe(0);
    expect([...set.known].sort()).toEqual([
      '192.168.1.20',
      '192.168.1.30',
      '2001:db8:1::20',
      '2001:db8:2::99',
    ]);
  });

  it('blocks a device from every address of a domain, either way round', () => {
    for (const record of [block(device(TV), adsDomain), block(adsDomain, device(TV))]) {
      const owner = decide(situation([record])).owners.get(TV);
      expect([...(owner?.remotes.keys() ?? [])]).toEqual(['203.0.113.7', '2001:db8:cb00::7']);
      expect(owner?.remotes.get('203.0.113.7')).toEqual(['r/0']);
      expect([...(owner?.macs ?? [])]).toEqual(['02:00:00:00:00:01']);
    }
  });

  it('takes private addresses only from its own segments, global ones from everywhere, special ones never', () => {
    const owner = decide(situation([block(device(TV), adsDomain)])).owners.get(TV);
    expect([...(owner?.addresses ?? [])]).toEqual(['192.168.1.20', '2001:db8:1::20', '2001:db8:2::99']);
  });

  it('joins what several routers say of a node', () => {
    const elsewhere: Descriptor = { ...ads, addresses: [{ address: '203.0.113.99' }] };
    const set = decide(situation([block(device(TV), adsDomain)], { descriptors: [tv, ads, elsewhere] }));
    expect([...(set.owners.get(TV)?.remotes.keys() ?? [])]).toContain('203.0.113.99');
  });

  it('blocks by node as well as by domain, and names every record that wants an address', () => {
    const set = decide(
      situation([block(device(TV), adsDomain), block(device(TV), { kind: 'remote', id: ADS })]),
    );
    expect(set.owners.get(TV)?.remotes.get('203.0.113.7')).toEqual(['r/0', 'r/1']);
  });

  it('makes both ends of a pair of devices owners', () => {
    const set = decide(situation([block(device(TV), device(PHONE))]));
    expect([...(set.owners.get(TV)?.remotes.keys() ?? [])]).toEqual(['192.168.1.30']);
    expect([...(set.owners.get(PHONE)?.remotes.keys() ?? [])]).toContain('192.168.1.20');
  });

  it('blocks for everybody what is blocked for the home', () => {
    const set = decide(situation([block({ kind: 'home' }, adsDomain)]));
    expect(set.owners.size).toBe(0);
    expect([...set.everyone.keys()]).toEqual(['203.0.113.7', '2001:db8:cb00::7']);
  });

  it('keeps an owner that is not here, so that its MAC is cut from its first packet', () => {
    const away: Descriptor = { ...tv, addresses: [{ address: '192.168.2.99', segment: 'kitchen/br-lan' }] };
    const owner = decide(situation([block(device(TV), adsDomain)], { descriptors: [away, ads] })).owners.get(
      TV,
    );
    expect(owner?.addresses.size).toBe(0);
    expect(owner?.macs.size).toBe(1);
    expect(owner?.remotes.size).toBe(2);
  });

  it('spares what the guard protects, and says so', () => {
    const evil: Descriptor = { ...ads, addresses: [{ address: '192.168.1.1' }, { address: '203.0.113.7' }] };
    const set = decide(situation([block(device(TV), adsDomain)], { descriptors: [tv, evil] }));
    expect([...(set.owners.get(TV)?.remotes.keys() ?? [])]).toEqual(['203.0.113.7']);
    expect(set.spared).toEqual([{ record: 'r/0', address: '192.168.1.1', why: 'guard' }]);
  });

  it('lets the widest go first when there is no room', () => {
    const set = decide(
      situation([block({ kind: 'home' }, adsDomain), block(device(TV), adsDomain)], { maxAddresses: 3 }),
    );
    expect(set.owners.get(TV)?.remotes.size).toBe(2);
    expect(set.everyone.size).toBe(1);
    expect(set.spared.map(({ why }) => why)).toEqual(['cap']);
  });

  it('never makes a router a device', () => {
    const set = decide(
      situation([block(device(TV), adsDomain)], { routerMacs: new Set(['02:00:00:00:00:01']) }),
    );
    expect(set.owners.get(TV)?.macs.size).toBe(0);
    expect(set.known.has('192.168.1.20')).toBe(false);
  });

  it('makes devices owners beforehand, in a fixed order and not too many', () => {
    const ready = decide(situation([], { readyOwners: 10 }));
    expect([...ready.owners.keys()]).toEqual([TV, PHONE]);
    expect(ready.owners.get(PHONE)).toMatchObject({
      addresses: new Set(['192.168.1.30']),
      remotes: new Map(),
    });
    expect(decide(situation([], { readyOwners: 1, descriptors: [phone, tv] })).owners.size).toBe(1);
    const record = block(device(PHONE), adsDomain);
    expect([...decide(situation([record], { readyOwners: 1 })).owners.keys()]).toEqual([PHONE]);
  });

  it('leaves alone what no device stands on a side of', () => {
    for (const record of [
      block(adsDomain, { kind: 'internet' }),
      block(adsDomain, { kind: 'network', prefix: '203.0.113.0/24' }),
      block(device(TV), { kind: 'router', peer: 'aa'.repeat(32) }),
      block({ kind: 'home' }, { kind: 'home' }),
      { kind: 'unknown', tag: 99 } as const,
    ]) {
      expect(isEnforceable(record), JSON.stringify(record)).toBe(false);
      expect(decide(situation([record])).owners.size).toBe(0);
    }
  });

  it('cuts a device from the internet or from the others, and expands what is for all of the home', () => {
    const internet = decide(situation([block(device(TV), { kind: 'internet' })])).owners.get(TV);
    expect(internet).toMatchObject({ internet: ['r/0'], lan: undefined, remotes: new Map() });
    for (const all of [{ kind: 'lan' }, { kind: 'home' }] as const) {
      const lan = decide(situation([block(all, device(TV))]));
      expect([...lan.owners.keys()]).toEqual([TV]);
      expect(lan.owners.get(TV)).toMatchObject({ internet: undefined, lan: ['r/0'] });
    }
    const everybody = decide(
      situation([block({ kind: 'home' }, { kind: 'network', prefix: '203.0.113.0/24' })]),
    );
    expect([...everybody.owners.values()].map(({ networks }) => [...networks.keys()])).toEqual([
      ['203.0.113.0/24'],
      ['203.0.113.0/24'],
    ]);
  });
});

describe('the guard', () => {
  it('takes addresses of members only inside the home', () => {
    const guard = guardOf([], ['192.168.1.9', '203.0.113.7'], new Set(['192.168.1.0/24']));
    expect(guard.has('192.168.1.9/32')).toBe(true);
    expect(guard.has('203.0.113.7/32')).toBe(false);
  });

  it('does not believe a member that half of the internet is the home', () => {
    const announced = [
      '0.0.0.0/0',
      '203.0.113.0/24',
      '::/0',
      '2000::/3',
      '192.168.7.0/24',
      '2001:db8:7::/64',
    ];
    expect([...homePrefixes([], announced, [])]).toEqual(['192.168.7.0/24', '2001:db8:7::/64']);
  });
});
