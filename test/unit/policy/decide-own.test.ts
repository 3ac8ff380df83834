import { describe, expect, it } from 'vitest';
import { decide, type Situation } from '../../../src/policy/decide.ts';
import type { Descriptor } from '../../../src/policy/descriptor.ts';
import type { Record, Subject } from '../../../src/policy/records.ts';
import { isEnforceable } from '../../../src/policy/rules.ts';

const SELF = 'aa'.repeat(32);
const ADS = '33'.repeat(16);
const TV = '11'.repeat(16);
const router = (peer = SELF): Subject => ({ kind: 'router', peer });
const ads: Subject = { kind: 'remote', id: ADS };
const block = (a: Subject, b: Subject): Record => ({ kind: 'block', a, b, terms: {}, apart: [] });
const allow = (a: Subject, b: Subject): Record => ({ kind: 'allow', a, b, terms: {} });
const network: Subject = { kind: 'network', prefix: '203.0.113.0/24' };
const internet: Subject = { kind: 'internet' };
const DESCRIPTORS: Descriptor[] = [
  { node: ADS, device: false, macs: [], addresses: [{ address: '203.0.113.7' }], domains: [], names: [] },
  {
    node: TV,
    device: true,
    macs: ['02:00:00:00:00:01'],
    addresses: [{ address: '192.168.1.20', segment: 's' }],
    domains: [],
    names: [],
  },
];

function own(records: Record[], over: Partial<Situation> = {}) {
  const set = decide({
    live: records.map((record, n) => ({ id: `${n}`, record })),
    descriptors: DESCRIPTORS,
    segments: new Set(['s']),
    routerMacs: new Set(),
    home: new Set(['192.168.1.0/24']),
    guard: new Set(['192.168.1.1/32']),
    maxAddresses: 100,
    readyOwners: 0,
    own: { peer: SELF, addresses: new Set(['198.51.100.1']) },
    ...over,
  });
  // Whatever is about a router is about no device.
  expect([...set.owners.values()].every(({ remotes, internet: cut }) => remotes.size === 0 && !cut)).toBe(
    true,
  );
  return set;
}

describe('what a router itself sends and receives', () => {
  it('is blocked for it alone, and only where that is decided', () => {
    const set = own([block(router(), ads), block(router('bb'.repeat(32)), internet)]);
    expect(set.own).toMatchObject({
      id: 'router',
      addresses: new Set(['198.51.100.1']),
      internet: undefined,
    });
    expect(set.own?.remotes).toEqual(new Map([['203.0.113.7', ['0']]]));
    expect(own([block(router(), ads)], { own: undefined }).own).toBeUndefined();
    expect(own([]).own).toBeUndefined();
  });

  it('is not meant by what is blocked for the home', () => {
    expect(own([block({ kind: 'home' }, ads)]).own).toBeUndefined();
  });

  it('passes where an exception is narrower', () => {
    const { own: one } = own([block(router(), internet), allow(router(), network), block(router(), ads)]);
    expect(one?.internet).toEqual(['0']);
    expect([...(one?.exceptedNetworks.keys() ?? [])]).toEqual(['203.0.113.0/24']);
    expect([...(one?.remotes.keys() ?? [])]).toEqual(['203.0.113.7']);
  });

  it('spares what is guarded and what is too much, and says so', () => {
    const guarded = own([block(router(), ads)], { guard: new Set(['203.0.113.7/32']) });
    expect(guarded.own?.remotes.size).toBe(0);
    expect(guarded.spared).toEqual([{ record: '0', address: '203.0.113.7', why: 'guard' }]);
    const capped = own([block(router(), ads), block(router(), network)], { maxAddresses: 1 });
    expect([...(capped.own?.networks.keys() ?? [])]).toEqual([]);
    expect(capped.spared).toEqual([{ record: '1', address: '203.0.113.0/24', why: 'cap' }]);
  });

  it.each<Subject>([{ kind: 'lan' }, { kind: 'home' }, { kind: 'device', id: TV }, router('bb'.repeat(32))])(
    'is never cut off from the home: $kind',
    (far) => {
      expect(isEnforceable(block(router(), far))).toBe(false);
      expect(own([block(router(), far), block(far, router())]).own).toBeUndefined();
    },
  );

  it('of a group only what is outside', () => {
    const record = (node: Subject): Record => ({ kind: 'in', group: 'g', node });
    const edges = new Map([
      ['x', { record: record(ads), live: true }],
      ['y', { record: record({ kind: 'device', id: TV }), live: true }],
    ]) as unknown as NonNullable<Situation['edges']>;
    const { own: one } = own([block(router(), { kind: 'group', group: 'g' })], { edges });
    expect([...(one?.remotes.keys() ?? [])]).toEqual(['203.0.113.7']);
  });
});
