import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import type { Cursor } from '../../../src/control/numbered.ts';
import type { FlowsPageView } from '../../../src/control/views/flows.ts';
import type { NodesPageView, NodeView } from '../../../src/control/views/nodes.ts';
import { domainNodeId } from '../../../src/policy/identity.ts';
import { crypto, key } from '../../support/household.ts';
import { answer, see } from '../../support/parts.ts';
import { house } from './two-devices.ts';

function asked() {
  const parts = house();
  const methods = methodsOf(parts);
  const ask = async <T>(name: string, params: object) => (await methods.get(name)?.run(params)) as T;
  return { parts, ask };
}

describe('nodes by pages', () => {
  it('are those of the list, under the same ids, in the order in which they came', async () => {
    const { parts, ask } = asked();
    parts.classes.push([parts.phone, parts.tv].sort());
    parts.presence.told.push({
      peer: key(1).peer,
      claims: [
        {
          about: {
            node: 'f'.repeat(32),
            device: true,
            macs: ['02:00:00:00:01:77'],
            addresses: [],
            domains: [],
            names: ['elsewhere'],
          },
        },
      ],
    } as never);
    parts.presence.version += 1;
    const listed: NodeView[] = [];
    let cursor: Cursor | undefined;
    do {
      const view: NodesPageView = await ask('nodes.page', { top: 1, cursor });
      expect(view.nodes.length).toBeLessThanOrEqual(1);
      listed.push(...view.nodes);
      cursor = view.next;
    } while (cursor !== undefined);
    expect(listed.map(({ names, domains }) => [...names, ...domains].sort())).toEqual([
      ['phone', 'tv'],
      ['ads.example'],
      ['elsewhere'],
    ]);
    const nodes = await ask<NodeView[]>('nodes', {});
    const named = (views: readonly NodeView[]) => views.map(({ id, ids }) => [id, ids]).sort();
    expect(named(listed)).toEqual(named(nodes));
  });

  it('go on while nodes come and are merged and taken apart', async () => {
    const { parts, ask } = asked();
    const first = await ask<NodesPageView>('nodes.page', { top: 1 });
    expect(first.nodes.map(({ id }) => id)).toEqual([parts.tv]);
    see(parts, '02:00:00:00:01:09', '192.168.1.90');
    answer(parts, 'late.example', '203.0.113.99');
    parts.classes.push([parts.phone, parts.tv].sort());
    const merged = await ask<NodesPageView>('nodes.page', { cursor: first.next });
    expect(merged).toEqual({ nodes: [expect.objectContaining({ label: 'ads.example' })], next: undefined });
    parts.classes.length = 0;
    const apart = await ask<NodesPageView>('nodes.page', { cursor: first.next });
    expect(apart.nodes.map(({ label }) => label)).toEqual(['phone', 'ads.example']);
  });
});

describe('flows by pages', () => {
  it('are shown as in the list, those of a node with several ids one by one', async () => {
    const { parts, ask } = asked();
    const ads = domainNodeId(crypto, parts.replica.home, 'ads.example');
    const counts = { packets: 1, bytes: 100 };
    const about = { otherIsDevice: false, protocol: 6, port: 443, offloaded: false, entries: 1 as const };
    for (const device of [parts.tv, parts.phone])
      parts.flows.sees({ device, other: ads, ...about, up: counts, down: counts });
    parts.classes.push([parts.phone, parts.tv].sort());
    const first = await ask<FlowsPageView>('flows.page', { top: 1 });
    const second = await ask<FlowsPageView>('flows.page', { top: 1, cursor: first.next });
    const flows = [...first.flows, ...second.flows];
    expect(flows.map(({ device }) => device.id)).toEqual([parts.tv, parts.phone]);
    const [joined] = await ask<FlowsPageView['flows']>('flows', {});
    expect(joined).toMatchObject({ up: { bytes: 200 }, connections: 2 });
    expect(flows[0]).toEqual({
      ...joined,
      device: { id: parts.tv, label: 'tv' },
      up: counts,
      down: counts,
      connections: 1,
    });
  });
});

it.each(['nodes.page', 'flows.page'])(
  '%s refuses what is no cursor, and ends with one of another time',
  async (name) => {
    const { ask } = asked();
    for (const cursor of [{}, { after: -1, until: 1 }, { after: 0.5, until: 1 }, { after: 0, until: '1' }, 7])
      await expect(ask(name, { cursor })).rejects.toMatchObject({ name: 'ZodError' });
    const end = { after: Number.MAX_SAFE_INTEGER, until: Number.MAX_SAFE_INTEGER };
    expect(await ask(name, { cursor: end })).toMatchObject({ next: undefined });
  },
);
