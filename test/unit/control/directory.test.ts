import { describe, expect, it } from 'vitest';
import { addressNodeId, deviceId, domainNodeId } from '../../../src/policy/identity.ts';
import type { Record, Subject } from '../../../src/policy/records.ts';
import { admitAll, crypto, key, run } from '../../support/household.ts';
import { answer, type FakeParts, fakeParts, see } from '../../support/parts.ts';

const [TV, PHONE, BOX] = ['02:00:00:00:01:01', '02:00:00:00:01:02', '02:00:00:00:01:03'];

function household(): FakeParts & { tv: string; phone: string } {
  const parts = fakeParts();
  const tv = see(parts, TV, '192.168.1.20', 'tv');
  const phone = see(parts, PHONE, '192.168.1.30', 'Phone');
  see(parts, TV, '2001:db8:1::20');
  answer(parts, 'ads.example', '203.0.113.20', '2001:db8:cb00::20');
  return { ...parts, tv, phone };
}

const call = (parts: FakeParts, of: Subject, text: string, at = 1) =>
  parts.replica.author(key(0), run(3), { at, by: 'test', over: [], add: [{ kind: 'name', of, text }] });

/** The subjects that a text may stand for, in short. */
const found = (parts: FakeParts, text: string) =>
  parts.directory.find(text).map(({ subject, label }) => ({ ...subject, label }));

describe('what a person types', () => {
  const parts = household();
  const { home } = parts.replica;
  const [tv, phone] = [
    { kind: 'device', id: parts.tv, label: 'tv' },
    { kind: 'device', id: parts.phone, label: 'Phone' },
  ];
  const ads = { kind: 'domain', domain: 'ads.example', label: 'ads.example' };

  it.each([
    ['a name', 'tv', [tv]],
    ['a name in other letters', 'PHONE', [phone]],
    ['a name between blanks', '  tv ', [tv]],
    ['a MAC', TV, [tv]],
    ['a MAC in another form', TV.replaceAll(':', '-').toUpperCase(), [tv]],
    ['an address of a device', '192.168.1.20', [tv]],
    ['an address of IPv6 in another form', '2001:DB8:1:0::20', [tv]],
    ['a domain that is known', 'ads.example', [ads]],
    ['a domain in another form', 'Ads.Example.', [ads]],
    [
      'a domain that nobody has seen',
      'new.example',
      [{ kind: 'domain', domain: 'new.example', label: 'new.example' }],
    ],
    [
      'an address of no device: the node that is just it, not the domain',
      '203.0.113.20',
      [{ kind: 'remote', id: addressNodeId(crypto, home, '203.0.113.20'), label: '203.0.113.20' }],
    ],
    ['the whole home', 'home', [{ kind: 'home', label: 'home' }]],
    ['the whole home in other letters', 'Home', [{ kind: 'home', label: 'home' }]],
    ['the beginning of an id', parts.tv.slice(0, 8), [tv]],
    ['the beginning of an id in capitals', parts.tv.slice(0, 8).toUpperCase(), [tv]],
    ['too little of an id', parts.tv.slice(0, 3), []],
    ['a name of nothing', 'fridge', []],
    ['nothing', '', []],
    ['blanks', '   ', []],
    ['a part of a name', 't', []],
    ['a network', '192.168.1.0/24', []],
    ['rubbish', '\u0000\u202e{}', []],
  ])('%s: %j', (_, text, wanted) => {
    expect(found(parts, text)).toEqual(wanted);
  });

  it('may be several things: then all of them are told', () => {
    const two = household();
    const box = see(two, BOX, '192.168.1.40', 'TV');
    expect(
      found(two, 'tv')
        .map((match) => 'id' in match && match.id)
        .sort(),
    ).toEqual([two.tv, box].sort());
  });

  it('may be a device that nobody has seen, by its MAC', () => {
    const { replica } = parts;
    expect(found(parts, BOX)).toEqual([
      { kind: 'device', id: deviceId(crypto, replica.home, BOX), label: BOX },
    ]);
  });

  it('is a device by the name a person gave it, before what it calls itself', () => {
    const named = household();
    call(named, { kind: 'device', id: named.tv }, 'telly');
    expect(found(named, 'telly')).toEqual([{ kind: 'device', id: named.tv, label: 'telly' }]);
    expect(found(named, 'tv')).toEqual([{ kind: 'device', id: named.tv, label: 'telly' }]);
  });

  it('is a node that only another router describes', () => {
    const apart = household();
    admitAll(apart.replica, [1]);
    const node = domainNodeId(crypto, apart.replica.home, 'far.example');
    const about = {
      node,
      device: false,
      macs: [],
      addresses: [{ address: '203.0.113.99' }],
      domains: ['far.example'],
      names: [],
    };
    apart.registers.author(key(1), { gen: 1, rev: 1 }, node, about);
    expect(found(apart, node.slice(0, 10))).toEqual([{ kind: 'remote', id: node, label: 'far.example' }]);
    expect(apart.directory.node(node)?.addresses).toEqual([{ address: '203.0.113.99' }]);
  });
});

describe('labels', () => {
  const parts = household();
  const unknown = 'ab'.repeat(16);
  it.each<[Subject, string]>([
    [{ kind: 'device', id: parts.tv }, 'tv'],
    [{ kind: 'device', id: unknown }, 'abababab'],
    [{ kind: 'remote', id: domainNodeId(crypto, parts.replica.home, 'ads.example') }, 'ads.example'],
    [{ kind: 'domain', domain: 'ads.example' }, 'ads.example'],
    [{ kind: 'pattern', suffix: 'ads.example' }, '*.ads.example'],
    [{ kind: 'network', prefix: '203.0.113.0/24' }, '203.0.113.0/24'],
    [{ kind: 'group', group: 'kids' }, 'kids'],
    [{ kind: 'home' }, 'home'],
    [{ kind: 'lan' }, 'lan'],
    [{ kind: 'internet' }, 'internet'],
    [{ kind: 'router', peer: key(4).peer }, key(4).peer.slice(0, 8)],
  ])('%j is shown as %s', (subject, label) => {
    expect(parts.directory.label(subject)).toBe(label);
  });

  it('of a node: a given name, its own, a domain, a MAC, an address, the beginning of its id', () => {
    const bare = fakeParts();
    const id = see(bare, BOX, '192.168.1.40');
    expect(bare.directory.label({ kind: 'device', id })).toBe(BOX);
    bare.cache.apply({ kind: 'hostName', mac: BOX, name: 'box', source: 'dhcp' });
    expect(bare.directory.label({ kind: 'device', id })).toBe('box');
    call(bare, { kind: 'device', id }, 'the box');
    expect(bare.directory.label({ kind: 'device', id })).toBe('the box');
    const remote = bare.cache.addressNode('203.0.113.7') ?? '';
    expect(bare.directory.label({ kind: 'remote', id: remote })).toBe('203.0.113.7');
  });

  it('of several live names the one with the greatest id is shown, in any order', () => {
    const two = household();
    const ops = ['a', 'b'].map((text) => call(two, { kind: 'device', id: two.tv }, text));
    const greatest = ops.toSorted((x, y) => (x.id < y.id ? -1 : 1)).at(-1)?.add[0] as Extract<
      Record,
      { kind: 'name' }
    >;
    expect(two.directory.label({ kind: 'device', id: two.tv })).toBe(greatest.text);
  });

  it('of a router: a given name, what it says of itself, the beginning of its key', () => {
    const { directory, registers, replica } = parts;
    const { peer } = key(1);
    admitAll(replica, [1]);
    expect(directory.routerName(peer)).toBe(peer.slice(0, 8));
    const card = { name: '', prefixes: [], listens: [], macs: [] };
    registers.author(key(1), { gen: 1, rev: 1 }, undefined, card);
    expect(directory.routerName(peer)).toBe(peer.slice(0, 8));
    registers.author(key(1), { gen: 1, rev: 2 }, undefined, { ...card, name: 'kitchen' });
    expect(directory.routerName(peer)).toBe('kitchen');
    call(parts, { kind: 'router', peer }, 'pantry');
    expect(directory.routerName(peer)).toBe('pantry');
  });

  it('of the home: only what a person gave', () => {
    const { directory } = parts;
    expect(directory.homeName()).toBeUndefined();
    call(parts, { kind: 'home' }, 'Elm Street');
    expect(directory.homeName()).toBe('Elm Street');
  });
});

describe('a node', () => {
  it('is what all routers know of it together', () => {
    const parts = household();
    admitAll(parts.replica, [1]);
    parts.registers.author(key(1), { gen: 1, rev: 1 }, parts.tv, {
      node: parts.tv,
      device: true,
      macs: [TV],
      addresses: [
        { address: '192.168.2.99', segment: 'kitchen/br-lan' },
        { address: '192.168.1.20', segment: 'attic/br-lan' },
      ],
      domains: [],
      names: ['tv', 'living-room-tv'],
    });
    expect(parts.directory.node(parts.tv)).toMatchObject({
      device: true,
      macs: [TV],
      addresses: [
        { address: '192.168.1.20', segment: 'attic/br-lan' },
        { address: '2001:db8:1::20', segment: 'attic/br-lan' },
        { address: '192.168.2.99', segment: 'kitchen/br-lan' },
      ],
      names: ['tv', 'living-room-tv'],
    });
    const order = parts.directory.nodes().map(({ device, id }) => [device, id === parts.tv]);
    expect(order).toEqual([
      [true, false],
      [true, true],
      [false, false],
    ]);
  });

  it('that nobody knows is none', () => {
    expect(household().directory.node('00'.repeat(16))).toBeUndefined();
  });
});
