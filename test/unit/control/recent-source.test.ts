import { describe, expect, it } from 'vitest';
import { ignore } from '../../../src/control/commands/ignore.ts';
import { methodsOf } from '../../../src/control/methods.ts';
import { RecentGatherer } from '../../../src/control/recent-source.ts';
import type { Sighting } from '../../../src/local/flows/flow.ts';
import { key } from '../../support/household.ts';
import { answer, see } from '../../support/parts.ts';
import { house, how } from './two-devices.ts';

function gathering() {
  const parts = house();
  answer(parts, 'ads.example', '198.51.100.7');
  const ads = parts.cache.remoteByDomain('ads.example') ?? '';
  const recent = new RecentGatherer(parts);
  const counts = { packets: 1, bytes: 100 };
  const sighting = (more: Partial<Sighting> = {}): Sighting => ({
    device: parts.tv,
    other: ads,
    otherIsDevice: false,
    protocol: 6,
    port: 443,
    up: counts,
    down: counts,
    entries: 0,
    offloaded: false,
    ...more,
  });
  const command = (name: string, params: unknown) => methodsOf(parts).get(name)?.run(params);
  return { parts, recent, ads, sighting, command };
}

describe('what happened lately', () => {
  it('is not gathered before somebody takes, nor when nobody has taken for long', async () => {
    const { parts, recent, sighting } = gathering();
    recent.sees(sighting(), false);
    expect(recent.take().moved).toEqual([]);
    recent.sees(sighting(), false);
    expect(recent.take().moved).toHaveLength(1);
    await parts.clock.advance(11_000);
    recent.sees(sighting(), false);
    see(parts, '02:00:00:00:00:77', '192.0.2.77');
    expect(recent.take()).toMatchObject({ moved: [], happenings: [] });
    recent.sees(sighting(), true);
    expect(recent.take().moved, 'counted by an earlier run').toEqual([]);
  });

  it('adds up flows of one pair and service, by the ids of their classes', () => {
    const { parts, recent, ads, sighting } = gathering();
    recent.take();
    recent.sees(sighting({ entries: 1 }), false);
    recent.sees(sighting({ up: undefined }), false);
    recent.sees(sighting({ up: undefined, down: undefined, entries: -1 }), false);
    recent.sees(sighting({ port: 80 }), false);
    recent.sees(sighting({ device: parts.phone }), false);
    expect(recent.take().moved).toHaveLength(3);
    parts.classes.push([parts.tv, parts.phone].sort());
    recent.sees(sighting({ entries: 1 }), false);
    recent.sees(sighting({ device: parts.phone, up: undefined, entries: 1 }), false);
    const [one, ...none] = recent.take().moved;
    expect(none).toEqual([]);
    expect(one).toEqual({
      device: [parts.tv, parts.phone].sort()[0],
      other: ads,
      otherIsDevice: false,
      protocol: 6,
      port: 443,
      up: { packets: 1, bytes: 100 },
      down: { packets: 2, bytes: 200 },
      began: 2,
      ignored: false,
    });
  });

  it('joins what two devices say to each other, whoever began it', () => {
    const { parts, recent, sighting } = gathering();
    recent.take();
    const up = { packets: 1, bytes: 1 };
    const down = { packets: 5, bytes: 50 };
    recent.sees(sighting({ other: parts.phone, otherIsDevice: true, up, down }), false);
    const turned = { device: parts.phone, other: parts.tv, otherIsDevice: true, up: down, down: up };
    recent.sees(sighting(turned), false);
    expect(recent.take().moved).toMatchObject([
      { device: parts.tv, other: parts.phone, up: { bytes: 2 }, down: { bytes: 100 } },
    ]);
  });

  it('marks what somebody chose to ignore', async () => {
    const { parts, recent, sighting } = gathering();
    await ignore(parts, { ...how, what: 'tv' });
    recent.take();
    recent.sees(sighting(), false);
    expect(recent.take().moved).toMatchObject([{ ignored: true }]);
  });

  it('tells of drops, one happening for each pair', () => {
    const { parts, recent, ads } = gathering();
    recent.take();
    const drop = { device: parts.tv, other: ads, otherIsDevice: false, packets: 2, bytes: 20 };
    for (let n = 0; n < 3; n++) recent.drops(drop);
    recent.drops({ ...drop, device: 'home', other: 'internet' });
    const { dropped, happenings } = recent.take();
    expect(dropped).toEqual([
      { device: parts.tv, other: ads, packets: 6, bytes: 60 },
      { device: 'home', other: 'internet', packets: 2, bytes: 20 },
    ]);
    expect(happenings).toMatchObject([
      { kind: 'blocked', device: 'tv', other: 'ads.example', packets: 6 },
      { kind: 'blocked', device: 'home', other: 'internet', packets: 2 },
    ]);
  });

  it('tells who asked for what', () => {
    const { parts, recent, ads } = gathering();
    recent.take();
    const fact = { kind: 'answer', domain: 'ads.example', chain: [], addresses: [], ttlS: 1 } as const;
    const [binding] = parts.cache.descriptor(parts.tv)?.addresses ?? [];
    recent.answered({ ...fact, client: binding?.address });
    recent.answered({ ...fact, client: binding?.address });
    recent.answered(fact);
    recent.answered({ ...fact, client: '203.0.113.99' });
    expect(recent.take().asked).toEqual([{ device: parts.tv, domain: 'ads.example', node: ads }]);
  });

  it('tells of nodes, policies and routers', async () => {
    const { parts, recent, command } = gathering();
    parts.peers.set(key(1).peer, { state: 'alive', applied: true });
    recent.take();
    const id = see(parts, '02:00:00:00:00:77', '192.0.2.77', 'camera');
    expect(recent.take().happenings).toMatchObject([{ kind: 'device.new', id, label: 'camera' }]);
    await command('block', { first: 'tv', second: 'ads.example', by: 'anna' });
    const [made] = recent.take().happenings;
    expect(made).toMatchObject({ kind: 'policy.made', by: 'anna', text: 'block tv – ads.example' });
    await command('unblock', { first: 'tv', second: 'ads.example', by: 'bert' });
    expect(recent.take().happenings).toMatchObject([
      {
        kind: 'policy.lifted',
        by: 'bert',
        text: 'block tv – ads.example',
        id: made?.kind === 'policy.made' ? made.id : '',
      },
    ]);
    parts.peers.set(key(1).peer, { state: 'down', applied: true });
    expect(recent.take().happenings).toMatchObject([{ kind: 'router', state: 'down' }]);
    expect(recent.take().happenings).toEqual([]);
  });

  it('tells of a router that is halted, and that goes on', async () => {
    const { parts, recent } = gathering();
    recent.take();
    const before = recent.take().versions.peers;
    parts.kernel.enforcing = false;
    const { happenings, versions } = recent.take();
    expect(happenings).toMatchObject([{ kind: 'enforcement', state: 'observes' }]);
    expect(versions.peers).toBeGreaterThan(before);
    expect(recent.take().happenings).toEqual([]);
    parts.kernel.enforcing = true;
    expect(recent.take().happenings).toMatchObject([{ kind: 'enforcement', state: 'enforces' }]);
  });

  it('tells by versions what the views show anew', async () => {
    const { parts, recent, command } = gathering();
    const { versions: before } = recent.take();
    see(parts, '02:00:00:00:00:77', '192.0.2.77', 'camera');
    const { versions: seen } = recent.take();
    expect(seen.nodes).toBeGreaterThan(before.nodes);
    expect(seen.peers).toBe(before.peers);
    await command('block', { first: 'tv', second: 'ads.example' });
    const { versions: blocked } = recent.take();
    expect(blocked.policies).toBeGreaterThan(seen.policies);
    parts.peers.set(key(1).peer, { state: 'down', applied: true });
    expect(recent.take().versions.peers).toBeGreaterThan(blocked.peers);
  });

  it('is bounded, and what there was no room for is counted', () => {
    const { recent, sighting } = gathering();
    recent.take();
    for (let port = 0; port < 5_100; port++) recent.sees(sighting({ port }), false);
    const { tv: device } = gathering().parts;
    for (let n = 0; n < 1_100; n++)
      recent.drops({
        device,
        other: `192.0.${n >> 8}.${n & 255}/32`,
        otherIsDevice: false,
        packets: 1,
        bytes: 1,
      });
    const { moved, dropped, happenings, missed } = recent.take();
    expect([moved.length, dropped.length, happenings.length]).toEqual([5_000, 1_000, 500]);
    expect(missed).toBe(100 + 100 + 500);
  });
});
