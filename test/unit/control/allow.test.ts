import { describe, expect, it } from 'vitest';
import { allow, block, bonus, pause } from '../../../src/control/commands/block.ts';
import { unallow } from '../../../src/control/commands/unblock.ts';
import { domainNodeId } from '../../../src/policy/identity.ts';
import { crypto } from '../../support/household.ts';
import { answer, see } from '../../support/parts.ts';
import { allows, blocks, house, how, policies, put, usage } from './two-devices.ts';

const lift = { ...how, all: false };

describe('allow', () => {
  it('makes an exception, once', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv' });
    const view = await allow(parts, { ...how, first: 'ads.example', second: 'tv', reason: 'school' });
    expect(view).toMatchObject({
      changed: true,
      replaced: [],
      policies: [{ kind: 'allow', reason: 'school' }],
    });
    expect(allows(parts)).toEqual([`${parts.tv}|ads.example`]);
    expect(blocks(parts)).toEqual([`${parts.tv}|internet`]);
    const again = await allow(parts, { ...how, first: 'tv', second: 'ads.example', reason: 'school' });
    expect(again).toMatchObject({ changed: false, policies: [{ kind: 'allow' }] });
    expect(parts.announced).toHaveLength(2);
  });

  it('lifts the block of just this pair, and says so', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    const view = await allow(parts, { ...how, first: 'tv', second: 'ads.example' });
    expect(view.replaced).toMatchObject([{ kind: 'block', b: { label: 'ads.example' } }]);
    expect(view.notes).toEqual([expect.stringContaining('takes the place of a policy to block')]);
    expect([blocks(parts), allows(parts)]).toEqual([[], [`${parts.tv}|ads.example`]]);
  });

  it('is written for every id of both classes, because allows never widen', async () => {
    const parts = house();
    const other = see(parts, '02:00:00:00:01:09', '192.168.1.29');
    answer(parts, 'ads2.example', '203.0.113.21');
    const node = (domain: string) => domainNodeId(crypto, parts.replica.home, domain);
    parts.classes.push([parts.tv, other].sort(), [node('ads.example'), node('ads2.example')]);
    await block(parts, { ...how, first: other.slice(0, 12), second: 'ads.example' });
    await allow(parts, { ...how, first: 'tv', second: 'ads.example' });
    const pairs = [parts.tv, other].flatMap((id) => [`${id}|ads.example`, `${id}|${node('ads2.example')}`]);
    expect(allows(parts)).toEqual(pairs.sort());
    expect(blocks(parts)).toEqual([]);
    // What one command made one command takes back, by any name.
    await unallow(parts, { ...lift, first: other.slice(0, 12), second: 'ads2.example' });
    expect(allows(parts)).toEqual([]);
  });

  it('is never written for an address just because the domain answers with it', async () => {
    const parts = house();
    const bare = parts.cache.addressNode('203.0.113.20') ?? '';
    parts.classes.push([bare, domainNodeId(crypto, parts.replica.home, 'ads.example')]);
    await allow(parts, { ...how, first: 'tv', second: 'ads.example' });
    expect(allows(parts)).toEqual([`${parts.tv}|ads.example`]);
  });

  it('has 64 records at most, and says what was left out', async () => {
    const parts = house();
    const ids = Array.from({ length: 70 }, (_, n) => n.toString(16).padStart(32, '0'));
    parts.classes.push([parts.tv, ...ids]);
    const view = await allow(parts, { ...how, first: 'tv', second: 'ads.example' });
    expect(policies(parts, 'allow')).toHaveLength(64);
    expect(view.notes).toEqual([expect.stringContaining('7 were left out')]);
  });

  it('gives way to a block that is made later for the same pair', async () => {
    const parts = house();
    await allow(parts, { ...how, first: 'tv', second: 'ads.example' });
    const view = await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    expect(view.replaced).toMatchObject([{ kind: 'allow' }]);
    expect([blocks(parts), allows(parts)]).toEqual([[`${parts.tv}|ads.example`], []]);
  });
});

describe('pause and bonus', () => {
  it('are a block and an allow of the internet for a while', async () => {
    const parts = house();
    const now = parts.clock.now();
    await pause(parts, { ...how, what: 'tv', for: '1h' });
    expect(policies(parts, 'block').map(({ record }) => record)).toMatchObject([
      { a: { id: parts.tv }, b: { kind: 'internet' }, terms: { for: 3_600, until: now + 3_600_000 } },
    ]);
    const view = await bonus(parts, { ...how, what: 'phone', for: '30m' });
    expect(view.policies).toMatchObject([
      { kind: 'allow', terms: { for: 1_800 }, time: '30 min left, counted here' },
    ]);
  });

  it('a bonus leaves the schedule, a pause the lasting block', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv', 'phone');
    await block(parts, { ...how, first: 'kids', schedule: 'daily 21:00-07:00' });
    await bonus(parts, { ...how, what: 'kids', for: '30m' });
    expect([blocks(parts), allows(parts)]).toEqual([['kids|internet'], ['kids|internet']]);
    await block(parts, { ...how, first: 'phone' });
    const view = await pause(parts, { ...how, what: 'phone', for: '1h' });
    expect(view).toMatchObject({ changed: false, notes: [expect.stringContaining('until it is lifted')] });
  });

  it('a bonus for what is blocked for good is refused: nothing would block it again', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv' });
    const refused = bonus(parts, { ...how, what: 'tv', for: '30m' });
    await expect(refused).rejects.toEqual(usage(/tv – internet is blocked for good/, 'hedgerow unblock'));
    expect(blocks(parts)).toHaveLength(1);
  });

  it.each(['ads.example', 'internet', '203.0.113.9'])('are for devices, not for %s', async (what) => {
    const parts = house();
    await expect(pause(parts, { ...how, what, for: '1h' })).rejects.toEqual(usage(/no device of this home/));
  });
});
