import { describe, expect, it } from 'vitest';
import { block } from '../../../src/control/commands/block.ts';
import { mergeNodes, splitNodes } from '../../../src/control/commands/same.ts';
import { unblock } from '../../../src/control/commands/unblock.ts';
import { undo } from '../../../src/control/commands/undo.ts';
import { policiesView } from '../../../src/control/views/policies.ts';
import { proposalsView } from '../../../src/control/views/proposals.ts';
import { see } from '../../support/parts.ts';
import { blocks, house, how } from './two-devices.ts';

describe('merge and split', () => {
  const pair = { ...how, first: 'tv', second: 'phone' };

  it('ties two devices, once', async () => {
    const parts = house();
    expect(await mergeNodes(parts, pair)).toMatchObject({ changed: true });
    expect([...parts.identity().shown(parts.tv)].sort()).toEqual([parts.tv, parts.phone].sort());
    expect(await mergeNodes(parts, pair)).toMatchObject({ changed: false });
  });

  it('refuses a device and what is none', async () => {
    await expect(mergeNodes(house(), { ...pair, second: 'ads.example' })).rejects.toThrow(/cannot be one/);
    await expect(splitNodes(house(), { ...how, first: 'tv' })).rejects.toThrow(/not merged/);
  });

  it('takes them apart for good, whatever is proposed, and can be undone', async () => {
    const parts = house();
    await mergeNodes(parts, pair);
    expect(await splitNodes(parts, { ...how, first: parts.phone.slice(0, 12) })).toMatchObject({
      changed: true,
    });
    expect([...parts.identity().shown(parts.tv)]).toEqual([parts.tv]);
    expect(await splitNodes(parts, pair)).toMatchObject({ changed: false });
    await undo(parts, { ...how, count: 1, id: undefined, any: false }, parts.replica.recent(10));
    expect(parts.identity().shown(parts.tv).size).toBe(2);
  });

  it('a split lifts nothing, and lifting one half leaves the other', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    await mergeNodes(parts, pair);
    await splitNodes(parts, { ...how, first: parts.phone.slice(0, 12) });
    expect(blocks(parts)).toEqual([`${parts.tv}|ads.example`]);
    const [live] = [...parts.replica.live.values()].filter(({ record }) => record.kind === 'block');
    const cover =
      live?.record.kind === 'block' ? parts.identity().covered(parts.tv, live.record.apart) : new Set();
    expect([...cover].sort()).toEqual([parts.tv, parts.phone].sort());
    const shown = () => policiesView(parts).map(({ a, alsoAffects }) => [a.subject, alsoAffects]);
    const tv = { kind: 'device', id: parts.tv };
    expect(shown()).toEqual([[tv, [parts.directory.label({ kind: 'device', id: parts.phone })]]]);
    await unblock(parts, { ...how, all: false, first: 'phone', second: 'ads.example' });
    expect(blocks(parts)).toEqual([`${parts.tv}|ads.example`]);
    const [rest] = [...parts.replica.live.values()].filter(({ record }) => record.kind === 'block');
    const left =
      rest?.record.kind === 'block' ? parts.identity().covered(parts.tv, rest.record.apart) : new Set();
    expect([...left]).toEqual([parts.tv]);
    expect(shown()).toEqual([[tv, []]]);
  });

  it('is proposed with its evidence until a person says no', async () => {
    const parts = house();
    for (const [mac, address] of [
      ['02:00:00:00:01:21', '192.168.1.41'],
      ['02:00:00:00:01:22', '192.168.1.42'],
    ] as const) {
      see(parts, mac, address);
      parts.cache.apply({ kind: 'hostName', mac, name: 'adas-phone', source: 'dhcp' });
    }
    const [proposal] = proposalsView(parts);
    expect(proposal?.evidence).toEqual(['both call themselves "adas-phone"', 'both have made-up MACs']);
    await splitNodes(parts, { ...how, first: proposal?.x.id ?? '', second: proposal?.y.id ?? '' });
    expect(proposalsView(parts)).toEqual([]);
  });
});
