import { describe, expect, it } from 'vitest';
import { name } from '../../../src/control/commands/names.ts';
import { nodesView } from '../../../src/control/views/nodes.ts';
import { domainNodeId } from '../../../src/policy/identity.ts';
import { crypto, key, run } from '../../support/household.ts';
import { see } from '../../support/parts.ts';
import { house, how, usage } from './two-devices.ts';

describe('a name that a person gives', () => {
  it('takes the place of those before, once', async () => {
    const parts = house();
    await name(parts, { ...how, what: 'tv', text: '  Living  room TV ' });
    const view = await name(parts, { ...how, what: 'living room tv', text: 'Telly' });
    expect(view).toMatchObject({ changed: true, label: 'Telly', retired: ['Living room TV'] });
    expect((await name(parts, { ...how, what: 'telly', text: 'Telly' })).changed).toBe(false);
    expect(parts.announced).toHaveLength(2);
    const removed = await name(parts, { ...how, what: 'telly' });
    expect(removed).toMatchObject({ changed: true, label: 'tv', retired: ['Telly'] });
    expect((await name(parts, { ...how, what: 'tv' })).changed).toBe(false);
  });

  it('retires those of the whole class, and all that two routers gave at a time', async () => {
    const parts = house();
    const other = see(parts, '02:00:00:00:01:09', '192.168.1.29');
    for (const [n, id] of [parts.tv, other, parts.tv].entries()) {
      const record = { kind: 'name', of: { kind: 'device', id }, text: `name ${n}` } as const;
      parts.replica.author(key(0), run(n + 1), { at: 1, by: 'test', over: [], add: [record] });
    }
    parts.classes.push([parts.tv, other]);
    const [device] = nodesView(parts, 'devices').filter(({ ids }) => ids.includes(other));
    expect(device?.given.toSorted()).toEqual(['name 0', 'name 1', 'name 2']);
    expect(device?.label).toBe(device?.given[0]);
    await name(parts, { ...how, what: parts.tv.slice(0, 12), text: 'telly' });
    expect(parts.directory.givenTo(other)).toEqual(['telly']);
  });

  it('is given to other nodes, routers and the home as well', async () => {
    const parts = house();
    await name(parts, { ...how, what: 'ads.example', text: 'Bad ads' });
    const id = domainNodeId(crypto, parts.replica.home, 'ads.example');
    expect(parts.directory.label({ kind: 'remote', id })).toBe('Bad ads');
    await name(parts, { ...how, what: `router:${key(0).peer.slice(0, 8)}`, text: 'pantry' });
    expect(parts.directory.routerName(key(0).peer)).toBe('pantry');
    await name(parts, { ...how, what: 'home', text: 'Elm Street' });
    expect(parts.directory.homeName()).toBe('Elm Street');
  });

  it.each([
    ['nothing', 'tv', '', /1 to 60 characters/],
    ['too long', 'tv', 'x'.repeat(61), /1 to 60 characters/],
    ['what drives a terminal', 'tv', 'a\u001b[2Jb', /that can be printed/],
    ['a word with a meaning', 'tv', 'Internet', /means something else/],
    ['for a router what no topic holds', 'router:attic', 'My Router', /name of a router/],
    ['for a network', '198.51.100.0/24', 'x', /cannot be given a name/],
  ])('is not %s', async (_, what, text, message) => {
    const parts = house();
    parts.registers.author(key(0), { gen: 1, rev: 1 }, undefined, {
      name: 'attic',
      prefixes: [],
      listens: [],
      macs: [],
    });
    await expect(name(parts, { ...how, what, text })).rejects.toEqual(usage(message));
    expect(parts.replica.size).toBe(0);
  });

  it('says when something else is called so, and shows before it does', async () => {
    const parts = house();
    const shown = await name(parts, { ...how, dryRun: true, what: 'tv', text: 'Phone' });
    expect(shown).toMatchObject({ changed: true, label: 'tv', notes: [expect.stringContaining('(device)')] });
    expect(parts.replica.size).toBe(0);
  });
});
