import { describe, expect, it } from 'vitest';
import { block, pause } from '../../../src/control/commands/block.ts';
import { unblock } from '../../../src/control/commands/unblock.ts';
import { emptyBlockSet } from '../../../src/policy/block-set.ts';
import { admitAll, key } from '../../support/household.ts';
import { answer, fakeParts, see } from '../../support/parts.ts';
import { owner } from '../local/enforce/block-sets.ts';
import { blocks, house, how, put, TV, usage, wide } from './two-devices.ts';

describe('block', () => {
  it('keeps what was typed: the device by its id, the domain as a domain', async () => {
    const parts = house();
    const view = await block(parts, { ...how, first: 'tv', second: 'Ads.Example', reason: 'homework' });
    expect(blocks(parts)).toEqual([`${parts.tv}|ads.example`]);
    expect(view).toMatchObject({ changed: true, dryRun: false, enforced: true, notes: [], alsoAffects: [] });
    expect(view.policies).toHaveLength(1);
    expect(view.policies[0]).toMatchObject({
      by: 'anna',
      a: { label: 'tv' },
      b: { label: 'ads.example' },
      reason: 'homework',
    });
    expect(parts.announced).toHaveLength(1);
  });

  it.each([
    ['the device first', 'tv', 'ads.example'],
    ['the device second', 'ads.example', 'tv'],
  ])('puts the device first: %s', async (_, first, second) => {
    const parts = house();
    await block(parts, { ...how, first, second });
    expect(blocks(parts)).toEqual([`${parts.tv}|ads.example`]);
  });

  it.each([
    ['a device alone: no internet', 'tv', undefined, 'tv|internet'],
    ['the internet for a device', 'internet', 'tv', 'tv|internet'],
    ['a pattern alone: the whole home', '*.ads.example', undefined, 'home|*.ads.example'],
    ['a network alone: the whole home', '198.51.100.0/24', undefined, 'home|198.51.100.0/24'],
    ['a device and all others', 'tv', 'lan', 'tv|lan'],
    ['a device and the home: all others', 'tv', 'home', 'tv|lan'],
    ['all others and a device', 'home', 'tv', 'tv|lan'],
    ['all others and what is outside: everybody', 'lan', 'ads.example', 'home|ads.example'],
    ['a device and a network of the home', '192.168.1.0/24', 'tv', 'tv|192.168.1.0/24'],
  ])('takes %s', async (_, first, second, written) => {
    const parts = house();
    await block(parts, { ...how, first, second });
    expect(blocks(parts)).toEqual([written.replace('tv|', `${parts.tv}|`)]);
  });

  it('tells at once of an address that the guard holds, also before anything is made', async () => {
    const guard = new Set(['203.0.113.9/32']);
    const parts = { ...house(), blockSet: () => ({ ...emptyBlockSet, guard }) };
    const request = { ...how, first: 'tv', second: '203.0.113.9' };
    const notes = ['203.0.113.9 is guarded: this router and the others always stay reachable from the home'];
    expect(await block(parts, { ...request, dryRun: true })).toMatchObject({ notes });
    expect(await block(parts, request)).toMatchObject({ notes });
    expect((await block(parts, { ...request, second: '203.0.113.10' })).notes).toEqual([]);
  });

  it('asks before the device is cut off from which it is typed', async () => {
    const parts = house();
    const request = { ...how, first: 'phone', from: '::ffff:192.168.1.30' };
    await expect(block(parts, request)).rejects.toEqual(wide(/cuts off phone, from which you are typing/));
    await block(parts, { ...request, first: 'tv' });
    await block(parts, { ...request, second: 'ads.example' });
    await block(parts, { ...request, confirm: true });
    expect(blocks(parts)).toHaveLength(3);
  });

  it.each([
    ['internet', 'lan', /off from everything: the internet is blocked/],
    ['lan', 'internet', /off from everything: all other devices are blocked/],
  ])('asks before a device that is without the %s loses the rest', async (held, second, why) => {
    const parts = house();
    const wanted = [`${'0'.repeat(64)}/0`];
    const cut = { ...owner('1', [], []), [held]: wanted };
    const blockSet = () => ({ ...emptyBlockSet, owners: new Map([[parts.tv, { ...cut, id: parts.tv }]]) });
    const already = { ...parts, blockSet };
    await expect(block(already, { ...how, first: 'tv', second })).rejects.toEqual(wide(why));
    await block(already, { ...how, first: 'phone', second });
    await block(already, { ...how, first: 'tv', second, confirm: true });
    expect(blocks(parts)).toHaveLength(2);
  });

  it('asks before more than ten devices are cut, by whatever door', async () => {
    const parts = house();
    const names = Array.from({ length: 11 }, (_, i) => `tablet${i}`);
    for (const [i, name] of names.entries())
      see(parts, `02:00:00:00:02:${(16 + i).toString(16)}`, `192.168.1.${100 + i}`, name);
    await put(parts, 'school', ...names.slice(1));
    await block(parts, { ...how, first: 'school' });
    await put(parts, 'class', ...names);
    const why = wide(/cuts 11 devices \(class\) off from the internet/, '"confirm": true');
    await expect(block(parts, { ...how, first: 'class', for: '1h' })).rejects.toEqual(why);
    await expect(pause(parts, { ...how, what: 'class', for: '1h' })).rejects.toEqual(why);
    await block(parts, { ...how, first: 'class', second: 'ads.example' });
    await pause(parts, { ...how, what: 'class', for: '1h', confirm: true });
  });

  it('asks before a domain is blocked whose address many names share', async () => {
    const parts = house();
    const others = Array.from({ length: 11 }, (_, i) => `shop${i}.example`);
    for (const name of others.slice(1)) answer(parts, name, '203.0.113.77');
    answer(parts, 'cdn.example', '203.0.113.77');
    await block(parts, { ...how, first: 'tv', second: 'cdn.example' });
    answer(parts, 'shop0.example', '203.0.113.77');
    const request = { ...how, first: 'phone', second: 'cdn.example' };
    await expect(block(parts, request)).rejects.toEqual(
      wide(/11 other names share an address with cdn.example \(shop0.example, .* …\)/),
    );
    const shown = await block(parts, { ...request, dryRun: true });
    expect(shown.notes).toContainEqual(expect.stringMatching(/would be asked about: 11 other names/));
    expect(blocks(parts)).toHaveLength(1);
    await block(parts, { ...request, confirm: true });
    // What is so already is not asked about.
    await block(parts, request);
    expect(blocks(parts)).toHaveLength(2);
  });

  it('does what is wide when it is told so, and shows it without asking', async () => {
    const parts = house();
    const shown = await block(parts, { ...how, first: 'home', dryRun: true });
    expect(shown).toMatchObject({ changed: true, dryRun: true });
    await block(parts, { ...how, first: 'home', confirm: true });
    expect(blocks(parts)).toEqual(['home|internet']);
  });

  it.each([
    ['a domain alone', 'ads.example', undefined],
    ['a domain and the home', 'ads.example', 'home'],
    ['the home and a domain', 'home', 'ads.example'],
  ])('means the whole home: %s', async (_, first, second) => {
    const parts = house();
    await block(parts, { ...how, first, second });
    expect(blocks(parts)).toEqual(['home|ads.example']);
  });

  it('takes two devices', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'phone' });
    expect(blocks(parts)).toEqual([`${parts.tv}|${parts.phone}`]);
  });

  it('does not block again what is blocked, in either order, and writes nothing', async () => {
    const parts = house();
    const first = await block(parts, { ...how, first: 'tv', second: 'phone' });
    const size = parts.replica.size;
    for (const [a, b] of [
      ['tv', 'phone'],
      ['phone', 'tv'],
    ] as const) {
      const view = await block(parts, { ...how, first: a, second: b });
      expect(view).toMatchObject({ changed: false, policies: [{ id: first.policies[0]?.id }] });
    }
    expect(parts.replica.size).toBe(size);
    expect(parts.announced).toHaveLength(1);
  });

  it('with --dry-run shows and writes nothing', async () => {
    const parts = house();
    const view = await block(parts, { ...how, dryRun: true, first: 'tv', second: 'ads.example' });
    expect(view).toMatchObject({ changed: true, dryRun: true, routers: [] });
    expect(view.policies).toMatchObject([{ id: '', b: { label: 'ads.example' }, here: { enforced: false } }]);
    expect(parts.replica.size).toBe(0);
    expect(parts.announced).toEqual([]);
  });

  it.each([
    [
      'an unknown name',
      'fridge',
      'ads.example',
      usage(/nothing here is called "fridge"/, 'hedgerow devices'),
    ],
    [
      'a name with a slip',
      'phnoe',
      undefined,
      usage(/nothing here is called "phnoe"/, 'did you mean "phone"'),
    ],
    ['a router alone', 'attic', undefined, wide(/the router attic itself off from the internet/)],
    ['a router and a device', 'attic', 'tv', usage(/is a router of this home/, 'device:NAME')],
    ['a device and a router', 'tv', 'attic', usage(/is a router of this home/, 'device:NAME')],
    ['a router and a group with a device', 'attic', 'kids', usage(/is a router of this home/, 'device:NAME')],
    ['a router and the lan', 'attic', 'lan', usage(/nobody could reach it/, 'outside of the home')],
    ['a router and the home', 'home', 'attic', usage(/nobody could reach it/, 'outside of the home')],
    ['a router and half of the internet', 'attic', '0.0.0.0/1', wide(/0.0.0.0\/1 is a large part/)],
    ['twice the same', 'tv', TV, usage(/tv and tv are the same/)],
    ['twice the home', 'home', 'home', usage(/home and home are the same/)],
    ['two remotes', 'ads.example', '203.0.113.9', usage(/neither ads.example nor 203.0.113.9 is a device/)],
    ['the internet and a domain', 'internet', 'ads.example', usage(/neither internet nor ads.example/)],
    ['two networks', '10.0.0.0/8', '198.51.100.0/24', usage(/neither 10.0.0.0\/8 nor/)],
    ['the home alone', 'home', undefined, wide(/every device of the home off from the internet/)],
    ['the internet alone', 'internet', undefined, wide(/every device of the home off from the internet/)],
    ['the lan alone', 'lan', undefined, wide(/off from all others/)],
    ['half of the internet', '0.0.0.0/1', undefined, wide(/0.0.0.0\/1 is a large part of the internet/)],
    ['a lot of IPv6', 'tv', '2000::/3', wide(/2000::\/3 is a large part/)],
    ['every name of one ending', '*.example', undefined, wide(/every name that ends so/)],
  ])('refuses %s, and writes nothing', async (_, first, second, error) => {
    const parts = house();
    const card = { name: 'attic', prefixes: [], listens: [], macs: [] };
    parts.registers.author(key(0), { gen: 1, rev: 1 }, undefined, card);
    if (second === 'kids') await put(parts, 'kids', 'tv');
    const { size } = parts.replica;
    await expect(block(parts, { ...how, first, second })).rejects.toEqual(error);
    expect(parts.replica.size).toBe(size);
  });

  it.each([
    ['attic', '198.51.100.9', 'attic 198.51.100.9'],
    ['ads.example', 'attic', 'attic ads.example'],
    ['attic', undefined, 'attic internet'],
  ])('of a router itself: %s %s, and says where it is in force', async (first, second, pair) => {
    const parts = house();
    const card = { name: 'attic', prefixes: [], listens: [], macs: [] };
    parts.registers.author(key(0), { gen: 1, rev: 1 }, undefined, card);
    const off = { ...parts, ownTraffic: () => 'enforce.ownTraffic is off' };
    const view = await block(off, { ...how, first, second, confirm: true });
    expect(view.policies.map(({ a, b }) => `${a.label} ${b.label}`)).toEqual([pair]);
    expect(view.policies[0]?.here.why).toBe('not enforceable here: enforce.ownTraffic is off');
    expect(view.notes).toContain('not enforceable here: enforce.ownTraffic is off');
    expect((await block(parts, { ...how, first, second, confirm: true })).changed).toBe(false);
    expect((await unblock(parts, { ...how, first, second, all: false })).changed).toBe(true);
  });

  it('refuses what is ambiguous, with all that it may be', async () => {
    const parts = house();
    const other = see(parts, '02:00:00:00:01:03', '192.168.1.40', 'TV');
    const refusal = block(parts, { ...how, first: 'tv', second: 'ads.example' });
    await expect(refusal).rejects.toEqual(usage(/"tv" may be .* or .*/, 'the beginning of the id'));
    for (const id of [parts.tv, other]) await expect(refusal).rejects.toThrow(id.slice(0, 8));
    expect(parts.replica.size).toBe(0);
    await block(parts, { ...how, first: other.slice(0, 8), second: 'ads.example' });
    expect(blocks(parts)).toEqual([`${other}|ads.example`]);
  });

  it('looks up a domain that nobody has seen, once, and says when that brings nothing', async () => {
    const parts = house();
    parts.zone.set('new.example', ['203.0.113.77']);
    expect((await block(parts, { ...how, first: 'tv', second: 'new.example' })).notes).toEqual([]);
    const nobody = await block(parts, { ...how, first: 'tv', second: 'nobody.example' });
    expect(nobody.notes).toEqual([expect.stringContaining('no address is known for it yet')]);
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    expect(parts.asked).toEqual(['new.example', 'nobody.example']);
    expect(blocks(parts)).toHaveLength(3);
  });

  it('names what shares an address with it', async () => {
    const parts = house();
    answer(parts, 'video.example', '203.0.113.20');
    answer(parts, 'other.example', '203.0.113.30');
    const request = { ...how, first: 'tv', second: 'ads.example' };
    expect((await block(parts, { ...request, dryRun: true })).alsoAffects).toEqual(['video.example']);
    expect((await block(parts, request)).alsoAffects).toEqual(['video.example']);
    const byAddress = await block(parts, { ...how, first: 'tv', second: '203.0.113.30' });
    expect(byAddress.alsoAffects).toEqual(['other.example']);
  });

  it('tells what each router answered, in tenths of milliseconds, and who could not be asked', async () => {
    const parts = house();
    admitAll(parts.replica, [1, 2, 3]);
    parts.peers.set(key(1).peer, { state: 'alive', applied: true });
    parts.peers.set(key(2).peer, { state: 'alive', applied: false });
    parts.peers.set(key(3).peer, { state: 'down', applied: false });
    const card = { name: 'garage', prefixes: [], listens: [], macs: [] };
    parts.registers.author(key(3), { gen: 1, rev: 1 }, undefined, card);
    const view = await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    expect(view.routers.map(({ peer, applied, ms }) => [peer, applied, ms])).toEqual([
      [key(0).peer, true, 0],
      [key(1).peer, true, 3.1],
      [key(2).peer, false, 3.1],
    ]);
    expect(view.unreachable).toEqual(['garage']);
  });

  it('says so when the kernel here does not take it', async () => {
    const parts = house();
    parts.kernel.applies = false;
    const running = block(parts, { ...how, first: 'tv', second: 'ads.example' });
    await parts.clock.advance(0);
    await parts.clock.advance(2_000);
    const late = await running;
    expect(late).toMatchObject({ changed: true, enforced: false, routers: [{ applied: false, ms: 2_000 }] });
    parts.kernel.applies = true;
    parts.kernel.enforcing = false;
    const observing = await block(parts, { ...how, first: 'phone', second: 'ads.example' });
    expect(observing).toMatchObject({ enforced: false, routers: [{ applied: false }] });
  });

  it('does not wait for the others unless it is to', async () => {
    const parts = house();
    parts.peers.set(key(1).peer, { state: 'alive', applied: true });
    const view = await block(parts, { ...how, wait: false, first: 'tv', second: 'ads.example' });
    expect(view.routers.map(({ peer }) => peer)).toEqual([key(0).peer]);
  });

  it('is refused on a router that is no member, with what to do', async () => {
    const parts = fakeParts(key(5));
    see(parts, TV, '192.168.1.20', 'tv');
    await expect(block(parts, { ...how, first: 'tv', second: '203.0.113.20' })).rejects.toMatchObject({
      name: 'TemporaryError',
      hint: expect.stringContaining('home add'),
    });
  });
});
