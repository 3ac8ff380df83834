import { beforeEach, describe, expect, it } from 'vitest';
import { NodeCache } from '../../../../src/local/nodes/node-cache.ts';
import { PersistentNodes } from '../../../../src/local/nodes/persistent-nodes.ts';
import type { Descriptor } from '../../../../src/policy/descriptor.ts';
import { addressNodeId, domainNodeId } from '../../../../src/policy/identity.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { crypto, replica } from '../../../support/household.ts';

const HOME = replica().home;
const domainId = (domain: string) => domainNodeId(crypto, HOME, domain);
const addressId = (address: string) => addressNodeId(crypto, HOME, address);

describe('the persistent nodes', () => {
  let cache: NodeCache;
  let told: Map<string, Descriptor>;
  let nodes: PersistentNodes;
  const answer = (domain: string, ...addresses: string[]) => {
    cache.apply({ kind: 'answer', domain, chain: [], addresses, ttlS: 60 });
    nodes.changed(cache.takeChanged());
  };
  const refer = (ids: string[], suffixes: string[] = []) =>
    nodes.refer({ ids: new Set(ids), suffixes: new Set(suffixes) });
  const ids = () => [...nodes.ids].sort();

  beforeEach(() => {
    cache = new NodeCache({ home: HOME, crypto, clock: new FakeClock() });
    told = new Map();
    nodes = new PersistentNodes(cache, (id) => {
      const one = told.get(id);
      return one === undefined ? [] : [one];
    });
  });

  it('are those that are referred to, seen or not', () => {
    refer([domainId('ads.example')]);
    expect(ids()).toEqual([domainId('ads.example')]);
  });

  it('are what a pattern matches, before and after it was made', () => {
    answer('old.ads.example', '203.0.113.1');
    refer([], ['ads.example']);
    expect(ids()).toEqual([domainId('old.ads.example')]);
    answer('new.ads.example', '203.0.113.2');
    answer('bads.example', '203.0.113.3');
    expect(ids()).toEqual([domainId('old.ads.example'), domainId('new.ads.example')].sort());
    refer([], []);
    expect(ids()).toEqual([]);
  });

  it('are the names that answer with an address that is referred to, whoever knows that it is', () => {
    const bare = addressId('203.0.113.7');
    told.set(bare, {
      node: bare,
      device: false,
      macs: [],
      addresses: [{ address: '203.0.113.7' }],
      domains: [],
      names: [],
    });
    refer([bare]);
    answer('video.example', '203.0.113.7', '203.0.113.8');
    expect(ids()).toEqual([bare, domainId('video.example')].sort());
  });

  it('reports an address of interest at once, before its node was referred to', () => {
    refer([], ['ads.example']);
    const before = cache.bindingsVersion;
    cache.apply({ kind: 'answer', domain: 'x.ads.example', chain: [], addresses: ['203.0.113.2'], ttlS: 60 });
    expect(cache.bindingsVersion).toBeGreaterThan(before);
    const after = cache.bindingsVersion;
    cache.apply({ kind: 'answer', domain: 'other.example', chain: [], addresses: ['203.0.113.3'], ttlS: 60 });
    expect(cache.bindingsVersion).toBe(after);
  });

  it('are bounded: a name that is made up for every question does not fill the cache', () => {
    refer([], ['ads.example']);
    for (let n = 0; n < 6_000; n++) {
      cache.apply({
        kind: 'answer',
        domain: `n${n}.ads.example`,
        chain: [],
        addresses: [`198.18.${n >> 8}.${n & 255}`],
        ttlS: 60,
      });
      if (n % 500 === 0) nodes.changed(cache.takeChanged());
    }
    nodes.changed(cache.takeChanged());
    expect(nodes.ids.size).toBe(5_000);
  });
});
