import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressNodeId, deviceId, domainNodeId } from '../../../src/policy/identity.ts';
import { decodeRecord, encodeRecord } from '../../../src/policy/record-codec.ts';
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
  const network = (prefix: string) => ({ kind: 'network', prefix, label: prefix });
  const pattern = (suffix: string) => ({ kind: 'pattern', suffix, label: `*.${suffix}` });
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
    ['a network', '192.168.1.7/24', [network('192.168.1.0/24')]],
    ['a network of IPv6', '2001:DB8::/32', [network('2001:db8::/32')]],
    ['a network of one address: the device', '192.168.1.20/32', [tv]],
    ['a network that is none', '192.168.1.0/33', []],
    ['a pattern', '*.Ads.Example', [pattern('ads.example')]],
    ['a pattern of one label', '*.example', [pattern('example')]],
    ['a pattern that is none', '*.', []],
    ['the internet', 'Internet', [{ kind: 'internet', label: 'internet' }]],
    ['all others', 'lan', [{ kind: 'lan', label: 'lan' }]],
    ['a device with its kind', 'device:tv', [tv]],
    ['a domain with its kind', 'domain: ads.example', [ads]],
    ['a pattern with its kind', 'pattern:ads.example', [pattern('ads.example')]],
    ['a network with its kind', 'network:10.0.0.0/8', [network('10.0.0.0/8')]],
    ['a device by a wrong kind', 'remote:tv', []],
    ['a group that there is not', 'group:kids', []],
    ['quotes that no shell took away', '"tv"', [tv]],
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

describe('what a person types may be ambiguous', () => {
  const put = (parts: FakeParts, group: string, node: Subject) =>
    parts.replica.author(key(0), run(3), { at: 1, by: 'test', over: [], add: [{ kind: 'in', group, node }] });

  it('a group and a device of one name: both, unless its kind is said', () => {
    const parts = household();
    put(parts, 'TV', { kind: 'device', id: parts.phone });
    const group = { kind: 'group', group: 'TV', label: 'TV' };
    const device = { kind: 'device', id: parts.tv, label: 'tv' };
    expect(found(parts, 'tv')).toEqual([group, device]);
    expect(found(parts, 'group:tv')).toEqual([group]);
    expect(found(parts, 'device:tv')).toEqual([device]);
  });

  it('groups that differ in capitals only: the one written just so, else all', () => {
    const parts = household();
    for (const name of ['Kids', 'kids']) put(parts, name, { kind: 'device', id: parts.tv });
    expect(found(parts, 'kids')).toHaveLength(1);
    expect(found(parts, 'KIDS')).toHaveLength(2);
  });

  it('a device that calls itself like a domain does not take its place', () => {
    const parts = fakeParts();
    see(parts, BOX, '192.168.1.40', 'ads.example');
    expect(found(parts, 'ads.example').map(({ kind }) => kind)).toEqual(['device']);
    answer(parts, 'ads.example', '203.0.113.20');
    expect(found(parts, 'ads.example').map(({ kind }) => kind)).toEqual(['device', 'domain']);
    call(parts, { kind: 'device', id: parts.cache.deviceByMac(BOX) ?? '' }, 'ads.example');
    expect(found(parts, 'ads.example').map(({ kind }) => kind)).toEqual(['device']);
  });

  it('ids of one class are one thing', () => {
    const parts = household();
    const other = see(parts, BOX, '192.168.1.40', 'tv');
    expect(found(parts, 'tv')).toHaveLength(2);
    parts.classes.push([parts.tv, other]);
    expect(found(parts, 'tv')).toHaveLength(1);
    expect(found(parts, other.slice(0, 12))).toMatchObject([{ id: other }]);
    expect(parts.directory.nodes().filter(({ device }) => device)).toHaveLength(2);
  });

  it('a name that a person gave stays with the class', () => {
    const parts = household();
    const other = see(parts, BOX, '192.168.1.40');
    call(parts, { kind: 'device', id: parts.tv }, 'Living room');
    parts.classes.push([parts.tv, other]);
    expect(parts.directory.label({ kind: 'device', id: other })).toBe('Living room');
    expect(parts.directory.nodes().find(({ ids }) => ids.includes(other))?.names[0]).toBe('Living room');
  });

  it('an id that nobody sees any more answers while the policy knows it, also when that was retired', () => {
    const parts = household();
    const [gone, lost] = ['ab'.repeat(16), 'cd'.repeat(16)];
    const op = put(parts, 'kids', { kind: 'device', id: gone });
    parts.replica.author(key(0), run(3), { at: 2, by: 'test', over: [`${op.id}/0`], add: [] });
    expect(found(parts, 'abab')).toEqual([{ kind: 'device', id: gone, label: 'abababab' }]);
    parts.classes.push([lost, parts.tv]);
    const same = { kind: 'same', x: lost, y: parts.tv } as const;
    parts.replica.author(key(0), run(3), { at: 3, by: 'test', over: [], add: [same] });
    expect(found(parts, 'cdcd')).toEqual([{ kind: 'device', id: lost, label: 'tv' }]);
  });

  it('a router, when nothing else is called so', () => {
    const parts = household();
    call(parts, { kind: 'router', peer: key(0).peer }, 'attic');
    expect(found(parts, 'attic')).toEqual([{ kind: 'router', peer: key(0).peer, label: 'attic' }]);
    see(parts, BOX, '192.168.1.40', 'attic');
    expect(found(parts, 'attic').map(({ kind }) => kind)).toEqual(['device']);
    expect(found(parts, 'router:attic').map(({ kind }) => kind)).toEqual(['router']);
  });

  it('any text is found or not, and nothing is ever thrown', () => {
    const parts = household();
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('\ud800', '\u202eab', '\u0000', '🦔', '"', '*.', '::', 'a\tb', '__proto__'),
      fc
        .tuple(fc.constantFrom('group:', 'device:', 'network:', 'pattern:', '*.', '"'), fc.string())
        .map(String),
      fc.tuple(fc.ipV4(), fc.integer()).map(([address, bits]) => `${address}/${bits}`),
      fc.tuple(fc.ipV6(), fc.nat(200)).map(([address, bits]) => `${address}/${bits}`),
    );
    fc.assert(
      fc.property(text, (typed) => {
        for (const { subject } of parts.directory.find(typed)) expect(decodable(subject)).toEqual(subject);
      }),
      { numRuns: 300 },
    );
  });
});

/** What other routers make of a subject that is written. */
function decodable(subject: Subject): Subject | undefined {
  const record = decodeRecord(encodeRecord({ kind: 'ignore', node: subject }));
  return record?.kind === 'ignore' ? record.node : undefined;
}

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
