import { beforeEach, describe, expect, it } from 'vitest';
import { Decider, type DeciderOptions } from '../../../src/local/decider.ts';
import { NodeCache } from '../../../src/local/nodes/node-cache.ts';
import { type Interfaces, noInterfaces } from '../../../src/local/observe/interfaces.ts';
import { emptyBlockSet } from '../../../src/policy/block-set.ts';
import type { Descriptor } from '../../../src/policy/descriptor.ts';
import { domainNodeId } from '../../../src/policy/identity.ts';
import type { Record } from '../../../src/policy/records.ts';
import { Registers } from '../../../src/policy/registers.ts';
import type { Replica } from '../../../src/policy/replica.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { admitAll, crypto, domain, key, replica, run } from '../../support/household.ts';

const TV = '02:00:00:00:01:01';
const KITCHEN = '02:00:00:00:00:02';
const here: Interfaces = {
  ...noInterfaces,
  lan: [{ name: 'br-lan', segment: 'attic/br-lan', prefixes: ['192.168.1.0/24'] }],
  addresses: new Set(['192.168.1.1', '198.51.100.11']),
  lanPrefixes: new Set(['192.168.1.0/24']),
  macs: new Set(['02:00:00:00:00:01']),
};

describe('what should be blocked here', () => {
  let home: Replica;
  let registers: Registers;
  let cache: NodeCache;
  let tv: string;
  let ads: string;
  const decider = (more: Partial<DeciderOptions> = {}) =>
    new Decider({
      replica: home,
      registers,
      cache,
      crypto,
      self: key(0).peer,
      interfaces: () => here,
      memberAddresses: () => [],
      networks: [],
      maxAddresses: 1_000,
      ...more,
    });
  const write = (add: Record[], over: string[] = []) =>
    home.author(key(0), run(1), { at: 1, by: 'test', over, add });
  const block = () =>
    write([{ kind: 'block', a: { kind: 'device', id: tv }, b: domain('ads.example'), terms: {}, apart: [] }]);
  const told = (by: number, rev: number, about: Partial<Descriptor> & { node: string }) =>
    registers.author(key(by), { gen: 1, rev }, about.node, {
      device: false,
      macs: [],
      addresses: [],
      domains: [],
      names: [],
      ...about,
    });
  const remotes = (from = decider()) => [...(from.blockSet().owners.get(tv)?.remotes.keys() ?? [])].sort();

  beforeEach(() => {
    home = replica();
    registers = new Registers({ home: home.home, crypto, isMember: (peer) => home.isMember(peer) });
    cache = new NodeCache({ home: home.home, crypto, clock: new FakeClock() });
    cache.apply({
      kind: 'neighbour',
      segment: 'attic/br-lan',
      interface: 'br-lan',
      address: '192.168.1.20',
      mac: TV,
      present: true,
      fresh: true,
    });
    tv = cache.deviceByMac(TV) ?? '';
    ads = domainNodeId(crypto, home.home, 'ads.example');
  });

  it('is nothing before anything was decided, and what was decided last after that', () => {
    const one = decider();
    expect(one.latest).toBe(emptyBlockSet);
    expect(one.blockSet()).toBe(one.latest);
    block();
    expect([...(one.latest.owners.get(tv)?.remotes ?? [])]).toEqual([]);
    one.blockSet();
    expect([...one.latest.owners.keys()]).toContain(tv);
  });

  it('is made of the same objects as long as it is the same, and of others where it is not', () => {
    block();
    let now = here;
    const one = decider({ interfaces: () => now, memberAddresses: () => ['192.168.1.2'] });
    cache.apply({ kind: 'answer', domain: 'ads.example', chain: [], addresses: ['203.0.113.20'], ttlS: 60 });
    const first = one.blockSet();
    // The interfaces are read again every few seconds, and what is seen is seen again.
    now = { ...here, addresses: new Set(here.addresses), lanPrefixes: new Set(here.lanPrefixes) };
    cache.apply({ kind: 'answer', domain: 'ads.example', chain: [], addresses: ['203.0.113.20'], ttlS: 60 });
    const again = one.blockSet();
    for (const key of ['owners', 'everyone', 'home', 'guard', 'known'] as const)
      expect(again[key], key).toBe(first[key]);

    cache.apply({ kind: 'answer', domain: 'ads.example', chain: [], addresses: ['203.0.113.21'], ttlS: 60 });
    const more = one.blockSet();
    expect([...(more.owners.get(tv)?.remotes.keys() ?? [])].sort()).toEqual(['203.0.113.20', '203.0.113.21']);
    expect(more.owners.get(tv)?.addresses).toBe(first.owners.get(tv)?.addresses);
    expect([more.home, more.guard, more.known]).toEqual([first.home, first.guard, first.known]);
    expect(more.guard).toBe(first.guard);

    now = { ...here, addresses: new Set(['192.168.1.254']) };
    const moved = one.blockSet();
    expect([...moved.guard]).toContain('192.168.1.254/32');
    expect([...moved.guard]).not.toContain('192.168.1.1/32');
    expect(moved.home).toBe(first.home);
    expect(moved.owners).toBe(more.owners);
  });

  it('joins what this router sees of a blocked name with what the others say of it', () => {
    block();
    expect(remotes()).toEqual([]);
    cache.apply({ kind: 'answer', domain: 'ads.example', chain: [], addresses: ['203.0.113.20'], ttlS: 60 });
    admitAll(home, [1]);
    told(1, 1, { node: ads, addresses: [{ address: '203.0.113.21' }], domains: ['ads.example'] });
    expect(remotes()).toEqual(['203.0.113.20', '203.0.113.21']);
    const owner = decider().blockSet().owners.get(tv);
    expect([...(owner?.addresses ?? [])]).toEqual(['192.168.1.20']);
    expect([...(owner?.macs ?? [])]).toEqual([TV]);
  });

  it('follows a device to another router by what that one says', () => {
    block();
    admitAll(home, [1]);
    told(1, 1, {
      node: tv,
      device: true,
      macs: [TV],
      addresses: [
        { address: '2001:db8:2::20', segment: 'kitchen/br-lan' },
        { address: '192.168.2.20', segment: 'kitchen/br-lan' },
      ],
    });
    const owner = decider().blockSet().owners.get(tv);
    // A private address of another router's segment is somebody else's here.
    expect([...(owner?.addresses ?? [])].sort()).toEqual(['192.168.1.20', '2001:db8:2::20']);
  });

  it('takes no word for what nothing refers to, nor its own word from the registers', () => {
    block();
    admitAll(home, [1]);
    told(1, 1, {
      node: domainNodeId(crypto, home.home, 'other.example'),
      addresses: [{ address: '203.0.113.66' }],
      domains: ['ads.example'],
    });
    told(0, 1, { node: ads, addresses: [{ address: '203.0.113.77' }], domains: ['ads.example'] });
    expect(remotes()).toEqual([]);
  });

  it('blocks all addresses of the name that turns out to answer with a blocked one, whoever heard it', () => {
    admitAll(home, [1]);
    const bare = cache.addressNode('203.0.113.7') ?? '';
    write([
      { kind: 'block', a: { kind: 'device', id: tv }, b: { kind: 'remote', id: bare }, terms: {}, apart: [] },
    ]);
    const one = decider();
    expect(remotes(one)).toEqual(['203.0.113.7']);
    const late = domainNodeId(crypto, home.home, 'late.example');
    const addresses = [{ address: '203.0.113.7' }, { address: '203.0.113.8' }];
    told(1, 1, { node: late, addresses, domains: ['late.example'] });
    expect(remotes(one)).toEqual(['203.0.113.7', '203.0.113.8']);
    expect([...one.classOf(bare)].sort()).toEqual([bare, late].sort());
    // A second owner of the address: nobody can tell any more whose it is.
    cache.apply({ kind: 'answer', domain: 'other.test', chain: [], addresses: ['203.0.113.7'], ttlS: 60 });
    expect(remotes(one)).toEqual(['203.0.113.7']);
  });

  it('refers the cache to what live records are about', () => {
    const op = block();
    expect([...decider().persistentNodes()].sort()).toEqual([tv, ads].sort());
    write([], [`${op.id}/0`]);
    expect([...decider().persistentNodes()]).toEqual([]);
  });

  it('is never a member: neither its MACs nor, inside the home, its addresses', () => {
    admitAll(home, [1]);
    const card = { name: 'kitchen', prefixes: ['192.168.2.0/24', '0.0.0.0/0'], listens: [], macs: [KITCHEN] };
    registers.author(key(1), { gen: 1, rev: 1 }, undefined, card);
    expect([...decider().routerMacs()]).toEqual([KITCHEN]);
    const memberAddresses = () => ['192.168.2.1', '203.0.113.20'];
    const set = decider({ memberAddresses, networks: ['198.51.100.0/24'] }).blockSet();
    expect([...set.home].sort()).toEqual(['192.168.1.0/24', '192.168.2.0/24', '198.51.100.0/24']);
    for (const guarded of ['192.168.1.1/32', '192.168.2.1/32', '198.51.100.11/32'])
      expect(set.guard.has(guarded), guarded).toBe(true);
    expect(set.guard.has('203.0.113.20/32')).toBe(false);
  });

  it('forgets the card of a member that was evicted, and takes none of our own', () => {
    admitAll(home, [1]);
    const card = { name: 'kitchen', prefixes: ['192.168.2.0/24'], listens: [], macs: [KITCHEN] };
    registers.author(key(1), { gen: 1, rev: 1 }, undefined, card);
    registers.author(key(0), { gen: 1, rev: 1 }, undefined, { ...card, macs: ['02:00:00:00:00:09'] });
    expect([...decider().routerMacs()]).toEqual([KITCHEN]);
    write([{ kind: 'evict', peer: key(1).peer, heads: [] }]);
    expect([...decider().routerMacs()]).toEqual([]);
    expect([...decider().blockSet().home]).toEqual(['192.168.1.0/24']);
  });

  it('for a boot is the same without what is only tried', () => {
    const one = decider();
    block();
    one.blockSet();
    expect(one.withoutTrials()).toBeUndefined();
    const [trial] = [
      write([
        {
          kind: 'block',
          a: { kind: 'device', id: tv },
          b: { kind: 'internet' },
          terms: { for: 90 },
          apart: [],
        },
      ]),
    ];
    expect(one.blockSet().owners.get(tv)?.internet).toEqual([`${trial.id}/0`]);
    const boot = one.withoutTrials();
    expect(boot?.owners.get(tv)?.internet).toBeUndefined();
    expect([...(boot?.owners.get(tv)?.remotes.keys() ?? [])].sort()).toEqual(remotes(one));
    // Confirmed: it lasts.
    write(
      [{ kind: 'block', a: { kind: 'device', id: tv }, b: { kind: 'internet' }, terms: {}, apart: [] }],
      [`${trial.id}/0`],
    );
    one.blockSet();
    expect(one.withoutTrials()).toBeUndefined();
  });

  it('is capped and guarded, and says what was left out', () => {
    block();
    cache.apply({
      kind: 'answer',
      domain: 'ads.example',
      chain: [],
      addresses: ['203.0.113.20', '203.0.113.21', '192.168.1.1'],
      ttlS: 60,
    });
    const set = decider({ maxAddresses: 1 }).blockSet();
    expect(set.owners.get(tv)?.remotes.size).toBe(1);
    expect(set.spared.map(({ address, why }) => `${why} ${address}`).sort()).toEqual([
      'cap 203.0.113.21',
      'guard 192.168.1.1',
    ]);
  });
});
