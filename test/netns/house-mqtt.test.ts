import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../lab/ask.ts';
import type { House } from '../../lab/house-api.ts';
import { makeTopology } from '../../lab/topology.ts';
import { until } from '../../lab/wait.ts';
import type { PolicyView } from '../../src/control/views/policies.ts';
import { block, EVERY_WAY, raiseHome, stream, unblock, ways } from './home.ts';
import { Broker, Listening, publish } from './house-broker.ts';
import { SpinClient, type SpinNode, spinSocket } from './house-spin.ts';

const BROKER = '198.51.100.11';
const ON_IT = ['attic', 'kitchen', 'garage'];
const VIDEO = '203.0.113.10';
const LONG = { timeoutMs: 25_000, everyMs: 100 };

let house: House;
let broker: Broker;
/** A client of the broker. */
let client: Listening;

/** The routers on the broker, the one that speaks first. */
async function speakers(): Promise<string[]> {
  for (const router of ON_IT) await client.keeps(spoken(router), 'online');
  const members = client.values<{ member: string; router: string }>(/^hedgerow\/[^/]+\/info$/);
  return members.sort((x, y) => (x.member < y.member ? -1 : 1)).map(({ router }) => router);
}

const spoken = (router: string) => `hedgerow/${router}/state`;
const labels = () => client.values<{ label: string }>(/^hedgerow\/home\/node\//).map(({ label }) => label);
const announced = () =>
  client
    .values<{ dev: { name: string } }>(/^homeassistant\/device\/hedgerow_[dr]_\w+\/config$/)
    .map(({ dev }) => dev.name);
const policiesTold = () => client.kept.get('hedgerow/home/policies') ?? '';
const everything = () =>
  [...house.topology.devices, ...house.topology.routers].map(({ name }) => name).sort();

/** The packets that a stream has brought to net stand still. */
async function quiet(name: string): Promise<boolean> {
  const before = (await house.counts())[name];
  await house.exec('net', ['sleep', '0.3']);
  return (await house.counts())[name] === before;
}

/** Every way from a device to a server is open, or soon is. */
async function passes(device: string, domain: string): Promise<void> {
  const open = () => ways(house, device, domain);
  await expect.poll(open, { timeout: 15_000, message: `${device} to ${domain}` }).toEqual(EVERY_WAY);
}

/** The id of a device in topics. */
function idOf(device: string): string {
  const told = client.values<{ id: string; label: string }>(/^hedgerow\/home\/node\//);
  return told.find(({ label }) => label === device)?.id ?? '';
}

/** Each thing of the home is there once, and all of them are. */
async function onceEach(): Promise<void> {
  const devices = house.topology.devices.map(({ name }) => name).sort();
  await client.until('every device and router once', () => {
    const nodes = labels().filter((label) => devices.includes(label));
    return (
      JSON.stringify(nodes.sort()) === JSON.stringify(devices) &&
      JSON.stringify(announced().sort()) === JSON.stringify(everything())
    );
  });
}

beforeAll(async () => {
  const topology = makeTopology(3);
  const mqtt = {
    broker: 'external',
    external: { url: `mqtt://${BROKER}:1883` },
    homeAssistant: true,
    spin: true,
  };
  const routers = topology.routers.map((router) => ({
    ...router,
    config: { mqtt: { ...mqtt, spinSocket: spinSocket(router.name) } },
  }));
  house = await raiseHome('test-mqtt', { ...topology, routers });
  broker = new Broker(house, 'attic', BROKER);
  await broker.start();
  client = new Listening(house, 'net', broker.at);
});
afterAll(async () => {
  await house?.down();
});

describe('three routers on one broker', () => {
  it('tell what belongs to the home once, and each what is its own', async () => {
    await onceEach();
    for (const router of ON_IT) {
      await client.keeps(spoken(router), 'online');
      for (const topic of ['info', 'peers', 'policies', 'ha'])
        await client.until(`${topic} of ${router}`, () => client.kept.has(`hedgerow/${router}/${topic}`));
    }
    const from = client.heard.length;
    await block(house, 'kitchen', 'camera', 'ads.example');
    await client.until('the policy', () => policiesTold().includes('ads.example'));
    await unblock(house, 'kitchen', 'camera', 'ads.example');
    await client.keeps('hedgerow/home/policies', '[]');
    const told = client.since(from, 'hedgerow/home/policies').map(({ payload }) => payload);
    expect(told, 'nobody says what another has said').toEqual([...new Set(told)]);
  });

  it("a switch of Home Assistant's is a block of the home", async () => {
    const id = idOf('tv');
    const command = `hedgerow/home/request/ha/${id}/block`;
    const state = () =>
      (JSON.parse(client.kept.get(`hedgerow/home/ha/d_${id}`) ?? '{}') as { block?: string }).block;
    expect(client.kept.get(`homeassistant/device/hedgerow_d_${id}/config`)).toContain(command);
    await client.until('the switch to be off', () => state() === 'OFF');
    await house.count('tv_video', `ip daddr ${VIDEO} udp dport 7`);
    const stop = await stream(house, 'tv', 100, [`${VIDEO},7`]);
    await until('its packets', async () => ((await house.counts()).tv_video ?? 0) > 20);

    await publish(house, 'net', broker.at, command, 'ON');
    await until('its packets to stop', () => quiet('tv_video'), LONG);
    await client.until('the switch to be on', () => state() === 'ON');
    for (const router of ON_IT) {
      const policies = async () => (await ask<PolicyView[]>(house, router, 'policies')).map(({ by }) => by);
      await expect.poll(policies, { timeout: 10_000 }).toEqual(['home-assistant']);
    }
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    await passes('console', 'video.example');

    await publish(house, 'net', broker.at, command, 'OFF');
    await until('its packets to pass', async () => !(await quiet('tv_video')), LONG);
    await client.until('the switch to be off', () => state() === 'OFF');
    await stop();
  });
});

describe("SPIN's clients", () => {
  const DEVICE: Readonly<Record<string, string>> = { attic: 'tv', kitchen: 'phone', garage: 'laptop' };
  it('block for the whole home, also after a restart', async () => {
    const spin = new SpinClient(house, broker.at, client);
    const [speaker = ''] = await speakers();
    const device = DEVICE[speaker] ?? '';
    for (const domain of ['ads.example', 'tracker.example']) {
      // Their addresses of both families become one node by their name.
      await house.must(device, ['getent', 'ahosts', domain]);
      await passes(device, domain);
    }
    const devices = await spin.byMqtt<SpinNode[]>('list_devices');
    const own = devices.find(({ name }) => name === device);
    expect(own, JSON.stringify(devices)).toBeDefined();
    const ads = await spin.remoteOf(own?.mac ?? '', '203.0.113.20');
    const tracker = await spin.remoteOf(own?.mac ?? '', '203.0.113.30');

    await spin.byMqtt('set_flow_block', { node1: own?.id, node2: ads, block: 1 });
    expect(await ways(house, device, 'ads.example')).toEqual([]);
    await spin.byMqtt('add_iplist_node', { list: 'block', node: tracker });
    for (const router of ON_IT) {
      const enforced = async () =>
        (await ask<PolicyView[]>(house, router, 'policies')).map(({ by, here }) => [by, here.enforced]);
      await expect.poll(enforced, { timeout: 10_000 }).toEqual([
        ['spin', true],
        ['spin', true],
      ]);
    }
    for (const other of Object.values(DEVICE)) {
      expect(await ways(house, other, 'tracker.example'), other).toEqual([]);
      if (other !== device) await passes(other, 'ads.example');
    }

    const pair = [own?.id ?? 0, ads].sort((x, y) => x - y);
    const asked = { result: [{ node1: pair[0], node2: pair[1] }] };
    expect(await spin.byHttp(speaker, 'get_flow_block')).toMatchObject(asked);
    expect(await spin.bySocket(speaker, 'get_flow_block')).toMatchObject(asked);

    await house.kill(speaker);
    await client.keeps(spoken(speaker), 'offline');
    expect(await ways(house, device, 'tracker.example')).toEqual([]);
    const from = client.heard.length;
    await house.start(speaker);
    expect(await ways(house, device, 'ads.example')).toEqual([]);
    await client.until('the list to be told', () => {
      const told = client.since(from, 'SPIN/traffic').map(({ payload }) => payload);
      const restart = told.findIndex((payload) => payload.includes('"serverRestart"'));
      const list = told.findLastIndex(
        (payload) => payload.includes('"block"') && payload.includes('203.0.113.30'),
      );
      return restart >= 0 && list > restart;
    });
    expect(await spin.byHttp(speaker, 'get_flow_block')).toMatchObject(asked);
    const { result } = await spin.bySocket(speaker, 'list_iplist', { list: 'block' });
    expect(result).toEqual(expect.arrayContaining(['203.0.113.30']));

    expect(
      await spin.byHttp(speaker, 'set_flow_block', { node1: own?.id, node2: ads, block: 0 }),
    ).not.toHaveProperty('error');
    expect(
      await spin.bySocket(speaker, 'remove_iplist_node', { list: 'block', node: tracker }),
    ).not.toHaveProperty('error');
    await passes(device, 'ads.example');
    for (const other of Object.values(DEVICE)) await passes(other, 'tracker.example');
  });
});

describe('when something dies', () => {
  it('another router goes on for the one that speaks, and yields to it again', async () => {
    const [first = '', second = ''] = await speakers();
    await onceEach();
    await house.kill(first, 'SIGKILL');
    await client.keeps(spoken(first), 'offline');
    await block(house, second, 'printer', 'video.example');
    await client.until('the policy', () => policiesTold().includes('video.example'));
    await onceEach();
    const config = () => client.kept.get(`homeassistant/device/hedgerow_d_${idOf('tv')}/config`) ?? '';
    await client.until('the announcement to be of the next', () => config().includes(spoken(second)));
    expect(config()).not.toContain(spoken(first));

    await house.start(first);
    await client.keeps(spoken(first), 'online');
    await client.until('the announcement to be of the first', () => config().includes(spoken(first)));
    await unblock(house, second, 'printer', 'video.example');
    await client.keeps('hedgerow/home/policies', '[]');
    await onceEach();
  });

  it('everything is on the broker again after that was killed', async () => {
    const before = [...client.kept]
      // Remotes that nothing refers to any more may go at any time.
      .filter(([topic, payload]) => !topic.startsWith('SPIN/') && !payload.includes('"device":false'))
      .map(([topic]) => topic);
    await broker.kill();
    await client.stop();
    await broker.start();
    client = new Listening(house, 'net', broker.at);
    const missing = () => before.filter((topic) => !client.kept.has(topic));
    await expect.poll(missing, { timeout: 25_000 }).toEqual([]);
    for (const router of ON_IT) await client.keeps(spoken(router), 'online');
    await onceEach();
  });
});
