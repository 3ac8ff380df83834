import { describe, expect, it } from 'vitest';
import { block } from '../../../src/control/commands/block.ts';
import { unblock } from '../../../src/control/commands/unblock.ts';
import { addressNodeId, domainNodeId } from '../../../src/policy/identity.ts';
import { crypto, key, run } from '../../support/household.ts';
import { answer, see } from '../../support/parts.ts';
import { blocks, house, how, put, usage } from './two-devices.ts';

describe('unblock', () => {
  const one = { ...how, all: false };

  it('lifts the block of a pair, named in either order, and only that', async () => {
    const parts = house();
    for (const device of ['tv', 'phone'])
      await block(parts, { ...how, first: device, second: 'ads.example' });
    const view = await unblock(parts, { ...one, first: 'ads.example', second: 'tv' });
    expect(view).toMatchObject({
      changed: true,
      policies: [{ a: { label: 'tv' }, b: { label: 'ads.example' } }],
    });
    expect(blocks(parts)).toEqual([`${parts.phone}|ads.example`]);
    await expect(unblock(parts, { ...one, first: 'tv', second: 'ads.example' })).rejects.toEqual(
      usage(/no such block/, 'hedgerow policies'),
    );
  });

  it.each([
    ['the block of a device alone', 'tv', undefined],
    ['the block of all others', 'lan', 'phone'],
    ['a pattern', '*.ads.example', undefined],
    ['a network', '198.51.100.0/24', 'phone'],
  ])('lifts %s by the words that made it', async (_, first, second) => {
    const parts = house();
    await block(parts, { ...how, first, second });
    await unblock(parts, { ...one, first, second });
    expect(blocks(parts)).toEqual([]);
  });

  it('lifts by any id of the class of either side', async () => {
    const parts = house();
    const other = see(parts, '02:00:00:00:01:09', '192.168.1.29');
    const lost = 'ab'.repeat(16);
    await block(parts, { ...how, first: 'tv', second: 'phone' });
    await block(parts, { ...how, first: other.slice(0, 12), second: 'phone' });
    parts.classes.push([parts.tv, other, lost]);
    await unblock(parts, { ...one, all: true, first: 'phone', second: 'tv' });
    expect(blocks(parts)).toEqual([]);
  });

  it('named by a new address of a name lifts the block of its old address', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: '198.51.100.20' });
    answer(parts, 'service.example', '198.51.100.20');
    answer(parts, 'service.example', '198.51.100.21');
    for (const name of ['service.example', '198.51.100.21']) {
      const view = await unblock(parts, { ...one, dryRun: true, first: 'tv', second: name });
      expect(view.policies, name).toHaveLength(1);
    }
  });

  it('does not take one device out of a group’s block: it says how', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv', 'phone');
    await block(parts, { ...how, first: 'kids' });
    await expect(unblock(parts, { ...one, first: 'tv' })).rejects.toEqual(
      usage(/it is a part of kids – internet/, 'hedgerow allow tv internet'),
    );
    await unblock(parts, { ...one, first: 'kids' });
    expect(blocks(parts)).toEqual([]);
  });

  it.each([
    ['the block of the whole home', 'ads.example', undefined],
    ['named with the home', 'home', 'ads.example'],
  ])('lifts %s', async (_, first, second) => {
    const parts = house();
    await block(parts, { ...how, first: 'ads.example' });
    await unblock(parts, { ...one, first, second });
    expect(blocks(parts)).toEqual([]);
  });

  it('does not lift the whole home’s block for one device', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'ads.example' });
    await expect(unblock(parts, { ...one, first: 'tv', second: 'ads.example' })).rejects.toEqual(
      usage(/no such block/),
    );
    expect(blocks(parts)).toEqual(['home|ads.example']);
  });

  it.each([
    ['by the address that it has', '203.0.113.20'],
    ['by the node that has it', 'node'],
  ])('named by a domain lifts what was blocked %s', async (_, blocked) => {
    const parts = house();
    const node = domainNodeId(crypto, parts.replica.home, 'ads.example');
    await block(parts, { ...how, first: 'tv', second: blocked === 'node' ? node.slice(0, 12) : blocked });
    expect(blocks(parts)[0]).toContain(
      blocked === 'node' ? node : addressNodeId(crypto, parts.replica.home, blocked),
    );
    await unblock(parts, { ...one, first: 'tv', second: 'ads.example' });
    expect(blocks(parts)).toEqual([]);
  });

  it('named by the node lifts what was blocked by its domain', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    const node = domainNodeId(crypto, parts.replica.home, 'ads.example');
    await unblock(parts, { ...one, first: 'tv', second: node.slice(0, 12) });
    expect(blocks(parts)).toEqual([]);
  });

  it('lists several and lifts none of them, until it is told to lift all', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    await block(parts, { ...how, first: 'tv', second: '203.0.113.20' });
    const request = { ...one, first: 'tv', second: 'ads.example' };
    const refusal = unblock(parts, request);
    await expect(refusal).rejects.toEqual(usage(/would lift 2 policies: .*; .*/, '--all'));
    for (const label of ['tv – ads.example', 'tv – 203.0.113.20'])
      await expect(refusal).rejects.toThrow(label);
    expect(blocks(parts)).toHaveLength(2);
    const size = parts.replica.size;
    expect((await unblock(parts, { ...request, all: true })).policies).toHaveLength(2);
    expect(blocks(parts)).toEqual([]);
    // One op: all of it or nothing.
    expect(parts.replica.size).toBe(size + 1);
  });

  it('lifts one policy by the beginning of its id', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    const { policies } = await block(parts, { ...how, first: 'phone', second: 'ads.example' });
    await unblock(parts, { ...one, first: policies[0]?.id.slice(0, 12) ?? '' });
    expect(blocks(parts)).toEqual([`${parts.tv}|ads.example`]);
  });

  it('with --dry-run shows what it would lift and lifts nothing', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    const view = await unblock(parts, { ...one, dryRun: true, first: 'tv', second: 'ads.example' });
    expect(view).toMatchObject({ dryRun: true, policies: [{ b: { label: 'ads.example' } }], routers: [] });
    expect(blocks(parts)).toHaveLength(1);
    expect(parts.announced).toHaveLength(1);
  });

  it('lifts twins of one pair together', async () => {
    const parts = house();
    // Both sides of a split made the same block.
    for (const n of [1, 2]) {
      parts.replica.author(key(0), run(n), {
        at: n,
        by: 'test',
        over: [],
        add: [
          {
            kind: 'block',
            a: { kind: 'device', id: parts.tv },
            b: { kind: 'domain', domain: 'ads.example' },
            terms: {},
            apart: [],
          },
        ],
      });
    }
    await expect(unblock(parts, { ...one, first: 'tv', second: 'ads.example' })).rejects.toEqual(
      usage(/2 policies/),
    );
    await unblock(parts, { ...one, all: true, first: 'tv', second: 'ads.example' });
    expect(blocks(parts)).toEqual([]);
  });
});
