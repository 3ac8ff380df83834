import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import type { BlockedView } from '../../../src/control/views/blocked.ts';
import type { FlowHistoryRow, FlowHistoryView } from '../../../src/control/views/flow-history.ts';
import type { FlowView } from '../../../src/control/views/flows.ts';
import type { DeviceView, NodeView } from '../../../src/control/views/nodes.ts';
import type { Sighting } from '../../../src/local/flows/flow.ts';
import { domainNodeId } from '../../../src/policy/identity.ts';
import { crypto } from '../../support/household.ts';
import { answer } from '../../support/parts.ts';
import { nodeId, SeenHome } from '../../support/seen-home.ts';
import { house, put, TV, usage } from './two-devices.ts';

async function talking() {
  const home = new SeenHome();
  await home.start();
  const parts = {
    ...house(),
    history: home.history,
    vendorOf: (mac: string) => (mac === TV ? 'Loewe' : undefined),
  };
  const ads = domainNodeId(crypto, parts.replica.home, 'ads.example');
  const sees = (device: string, other: string, bytes: number, more: Partial<Sighting> = {}) => {
    const counts = { packets: 1, bytes };
    const about = { device, other, otherIsDevice: false, protocol: 6, port: 443, offloaded: false };
    const news: Sighting = { ...about, up: counts, down: counts, entries: 1, ...more };
    parts.flows.sees(news);
    home.history.sees(news);
  };
  const drop = { device: parts.tv, other: 'internet', otherIsDevice: false, packets: 4, bytes: 240 };
  parts.flows.seesDrop(drop);
  home.history.drops(drop);
  sees(parts.tv, ads, 100);
  sees(parts.phone, ads, 1_000);
  sees(parts.phone, parts.tv, 10, { otherIsDevice: true, up: undefined });
  const methods = methodsOf(parts);
  const ask = async <T>(name: string, params: object) => (await methods.get(name)?.run(params)) as T;
  return { parts, home, ads, sees, ask };
}

describe('blocked', () => {
  it('is each pair once, the latest first, and says nothing new while nothing is dropped', async () => {
    const { parts, ask } = await talking();
    await parts.clock.advance(1_000);
    const more = {
      device: parts.phone,
      other: 'internet',
      otherIsDevice: false,
      packets: 20_000,
      bytes: 580_000,
    };
    for (let n = 0; n < 3; n++) parts.flows.seesDrop(more);
    const said = await ask<BlockedView[]>('blocked', {});
    expect(said).toMatchObject([
      { device: { label: 'phone' }, packets: 60_000, bytes: 1_740_000 },
      { device: { label: 'tv' }, packets: 4, bytes: 240 },
    ]);
    await parts.clock.advance(10_000);
    expect(await ask('blocked', {})).toEqual(said);
    expect(await ask('blocked', { top: 1 })).toHaveLength(1);
  });
});

describe('flows', () => {
  it('are live without --since: blocked attempts among them, and one for a node of several ids', async () => {
    const { parts, ask } = await talking();
    const lines = (views: FlowView[]) =>
      views.map(
        ({ device, other, protocol, port, up, blocked, partial }) =>
          `${device.label} ${other.label} ${protocol}/${port} ${up?.bytes} ${blocked?.packets} ${partial}`,
      );
    expect(lines(await ask('flows', {}))).toEqual([
      'phone ads.example tcp/443 1000 undefined false',
      'tv internet any/0 undefined 4 false',
      'tv ads.example tcp/443 100 undefined false',
      'phone tv tcp/443 undefined undefined true',
    ]);
    expect(lines(await ask('flows', { who: 'tv', top: 2 }))).toEqual([
      'tv internet any/0 undefined 4 false',
      'tv ads.example tcp/443 100 undefined false',
    ]);
    parts.classes.push([parts.phone, parts.tv].sort());
    expect((await ask<FlowView[]>('flows', {})).map(({ up }) => up?.bytes)).toContain(1_100);
    await expect(ask('flows', { who: 'internet' })).rejects.toEqual(usage('not listed by internet'));
    await expect(ask('flows', { who: 'nobody here' })).rejects.toEqual(usage('nothing here is called'));
  });

  it('are those of a name, too, from before it was known, while nobody else has the address', async () => {
    const { parts, sees, ask } = await talking();
    const bare = parts.cache.noteRemote('203.0.113.77') ?? '';
    sees(parts.tv, bare, 5_000);
    const [live, ever] = [{ who: 'tv' }, { who: 'tv', since: 86_400 }];
    const told = async () => {
      const rows = [
        ...(await ask<FlowView[]>('flows', live)),
        ...(await ask<FlowHistoryView>('flows.history', ever)).rows,
      ];
      return rows.flatMap(({ other, up }) =>
        (up?.bytes ?? 0) < 1_000 ? [] : `${other?.label} ${up?.bytes}`,
      );
    };
    expect(await told()).toEqual(['203.0.113.77 5000', '203.0.113.77 5000']);
    answer(parts, 'late.example', '203.0.113.77');
    sees(parts.tv, parts.cache.noteRemote('203.0.113.77') ?? '', 2_000);
    expect(await told()).toEqual(['late.example 7000', 'late.example 7000']);
    expect(await ask('flows', { who: 'late.example' })).toMatchObject([{ up: { bytes: 7_000 } }]);
    expect(await ask('flows', { who: '203.0.113.77' })).toMatchObject([{ up: { bytes: 7_000 } }]);
    answer(parts, 'other.test', '203.0.113.77');
    expect(await told()).toEqual([
      ...['203.0.113.77 5000', 'late.example 2000'],
      ...['203.0.113.77 5000', 'late.example 2000'],
    ]);
  });

  it('come from the history with it: by pair, device and hour, of all or of a group', async () => {
    const { parts, home, ask } = await talking();
    await home.restart();
    const again = { ...parts, history: home.history };
    const methods = methodsOf(again);
    const history = async (params: object) =>
      (await methods.get('flows.history')?.run({ since: 86_400, ...params })) as FlowHistoryView;
    const lines = (rows: readonly FlowHistoryRow[]) =>
      rows.map(({ device, other, at, up, down }) =>
        [device?.label, other?.label, at, up.bytes, down.bytes]
          .filter((part) => part !== undefined)
          .join(' '),
      );
    // The clock of the fake parts is another one: what matters is that of the history.
    const view = await history({});
    expect(lines(view.rows).sort()).toEqual([
      'phone ads.example 1000 1000',
      'tv ads.example 100 100',
      'tv internet 0 0',
      // Two devices are one pair, seen from either.
      'tv phone 10 0',
    ]);
    expect(view.total).toMatchObject({
      up: { bytes: 1_100 },
      connections: 3,
      blocked: { packets: 4 },
      partial: true,
    });
    expect(view.from).toBe('2026-11-21T12:00:00.000Z');
    expect(view.notes).toEqual([]);
    expect(lines((await history({ by: 'device', who: 'tv' })).rows)).toEqual(['tv 110 100']);
    expect(lines((await history({ by: 'hour' })).rows)).toEqual(['2026-11-21T12:00:00.000Z 1100 1110']);
    expect(lines((await history({ by: 'day', top: 1 })).rows)).toEqual(['2026-11-21 1100 1110']);
    await put(parts, 'kids', 'phone');
    expect(lines((await history({ by: 'remote', who: 'kids' })).rows)).toEqual([
      'ads.example 1000 1000',
      'tv 0 10',
    ]);
    expect(await ask('flows', { since: 86_400, by: 'device', top: 1 })).toMatchObject([
      { device: { label: 'phone' } },
    ]);
    await home.history.stop();
  });

  it('tells names that only the history knows, and that there is none', async () => {
    const { parts, home, ask } = await talking();
    home.history.sees({
      device: nodeId(77),
      other: nodeId(78),
      otherIsDevice: false,
      protocol: 6,
      port: 1,
      up: { packets: 1, bytes: 1e9 },
      down: undefined,
      entries: 0,
      offloaded: false,
    });
    await home.flush();
    const { rows } = await ask<FlowHistoryView>('flows.history', { since: 86_400, top: 1 });
    expect(rows[0]?.device?.label).toBe('text of 77');
    expect(rows[0]?.other?.label).toBe('text of 78');
    const none = methodsOf({ ...parts, history: undefined });
    await expect(none.get('flows')?.run({ since: 60 })).rejects.toMatchObject({
      name: 'UnavailableError',
      hint: expect.stringContaining('historyDays'),
    });
    await expect(ask('flows', { since: 1e12 })).rejects.toMatchObject({ name: 'ZodError' });
  });
});

describe('devices', () => {
  it('tell who made them, where they are and how much they moved', async () => {
    const { parts, ask } = await talking();
    const devices = await ask<DeviceView[]>('devices', {});
    const tv = devices.find(({ id }) => id === parts.tv);
    expect(tv).toMatchObject({
      label: 'tv',
      vendor: 'Loewe',
      bytesHere: { up: 110, down: 100 },
      bytesToday: { up: 110, down: 100 },
      places: [],
    });
    expect(tv?.firstSeen?.at).toMatch(/^\d{4}-/);
    parts.classes.push([parts.phone, parts.tv].sort());
    const both = await ask<DeviceView[]>('devices', {});
    expect(both).toHaveLength(1);
    expect(both[0]?.bytesHere).toEqual({ up: 1_110, down: 1_110 });
  });
});

describe('a node', () => {
  it('tells what refers to it, over all of its ids, and its alias', async () => {
    const { parts } = await talking();
    parts.classes.push([parts.phone, parts.tv].sort());
    const counts = new Map([
      [parts.tv, { flow: 2, policy: 1 }],
      [parts.phone, { flow: 1 }],
    ]);
    const methods = methodsOf({
      ...parts,
      references: { of: (id) => counts.get(id) ?? {} },
      aliases: { has: (id) => (id === parts.phone ? 7 : undefined), of: () => 8, nodeOf: () => undefined },
    });
    const views = (await methods.get('nodes')?.run({})) as NodeView[];
    const view = views.find(({ ids }) => ids.includes(parts.tv));
    expect(view).toMatchObject({ references: { flow: 3, policy: 1 }, alias: 7 });
    expect(views.find(({ ids }) => !ids.includes(parts.tv))).toMatchObject({ references: {} });
  });
});
