import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../lab/ask.ts';
import type { House } from '../../lab/house-api.ts';
import { paths } from '../../lab/paths.ts';
import { makeTopology } from '../../lab/topology.ts';
import { until } from '../../lab/wait.ts';
import type { PolicyView } from '../../src/control/views/policies.ts';
import { block, EVERY_WAY, raiseHome, stream, unblock, ways } from './home.ts';
import { Broker, Listening, publication, publish } from './house-broker.ts';

const BROKER = '198.51.100.11';
const ON_IT = ['attic', 'kitchen', 'garage'];
const OWN_BROKER = 'router4';
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
  const topology = makeTopology(4);
  const mqtt = {
    broker: 'external',
    external: { url: `mqtt://${BROKER}:1883` },
    homeAssistant: true,
    spin: true,
  };
  const routers = topology.routers.map((router) =>
    router.name === OWN_BROKER
      ? router
      : { ...router, config: { mqtt: { ...mqtt, spinSocket: `/run/lab/${router.name}/spin.sock` } } },
  );
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
    expect(client.kept.has(spoken(OWN_BROKER))).toBe(false);
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
  let count = 0;
  const request = (method: string, params: object) =>
    JSON.stringify({ jsonrpc: '2.0', id: ++count, method, params });

  async function byMqtt<T>(method: string, params: object = {}): Promise<T> {
    const text = request(method, params);
    const { id } = JSON.parse(text) as { id: number };
    const from = client.heard.length;
    await publish(house, 'net', broker.at, 'SPIN/jsonrpc/q', text);
    const find = () =>
      client
        .since(from, 'SPIN/jsonrpc/a')
        .map(({ payload }) => JSON.parse(payload) as { id: number; result?: T; error?: object })
        .filter((one) => one.id === id);
    const [answer] = await client.until(method, () => find().length > 0 && find());
    expect(find(), 'one router answers').toHaveLength(1);
    expect(answer?.error).toBe(undefined);
    return answer?.result as T;
  }
  const byHttp = async (router: string, method: string, params: object = {}) => {
    const url = 'http://127.0.0.1:4480/spin_api/jsonrpc';
    return JSON.parse(
      await house.must(router, ['curl', '-s', '-m', '10', '-d', request(method, params), url]),
    );
  };
  const bySocket = async (router: string, method: string, params: object = {}) => {
    const socket = `UNIX-CONNECT:/run/lab/${router}/spin.sock`;
    return JSON.parse(
      await house.must(router, ['socat', '-t', '10', '-', socket], { input: request(method, params) }),
    );
  };

  interface Node {
    readonly id: number;
    readonly name?: string;
    readonly mac?: string;
    readonly ips: readonly string[];
  }

  /** The node that has an address among those that a device talks to. */
  async function remoteOf(mac: string, address: string): Promise<number> {
    return await until(`the node that has ${address}`, async () => {
      const flows = await byMqtt<{ to: number }[]>('list_device_flows', { device: mac });
      for (const to of new Set(flows.map((flow) => flow.to))) {
        const node = await byMqtt<Node>('get_device_data', { node: to });
        if (node.ips.includes(address)) return to;
      }
      return undefined;
    });
  }

  it('block for the whole home, also after a restart', async () => {
    const [speaker = ''] = await speakers();
    const device = DEVICE[speaker] ?? '';
    for (const domain of ['ads.example', 'tracker.example']) {
      // Their addresses of both families become one node by their name.
      await house.must(device, ['getent', 'ahosts', domain]);
      await passes(device, domain);
    }
    const devices = await byMqtt<Node[]>('list_devices');
    const own = devices.find(({ name }) => name === device);
    expect(own, JSON.stringify(devices)).toBeDefined();
    const ads = await remoteOf(own?.mac ?? '', '203.0.113.20');
    const tracker = await remoteOf(own?.mac ?? '', '203.0.113.30');

    await byMqtt('set_flow_block', { node1: own?.id, node2: ads, block: 1 });
    expect(await ways(house, device, 'ads.example')).toEqual([]);
    await byMqtt('add_iplist_node', { list: 'block', node: tracker });
    for (const router of [...ON_IT, OWN_BROKER]) {
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
    expect(await byHttp(speaker, 'get_flow_block')).toMatchObject(asked);
    expect(await bySocket(speaker, 'get_flow_block')).toMatchObject(asked);

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
    expect(await byHttp(speaker, 'get_flow_block')).toMatchObject(asked);
    const { result } = await bySocket(speaker, 'list_iplist', { list: 'block' });
    expect(result).toEqual(expect.arrayContaining(['203.0.113.30']));

    expect(
      await byHttp(speaker, 'set_flow_block', { node1: own?.id, node2: ads, block: 0 }),
    ).not.toHaveProperty('error');
    expect(
      await bySocket(speaker, 'remove_iplist_node', { list: 'block', node: tracker }),
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
    const before = [...client.kept.keys()].filter((topic) => !topic.startsWith('SPIN/')).sort();
    await broker.kill();
    await client.stop();
    await broker.start();
    client = new Listening(house, 'net', broker.at);
    await client.until('all that was retained', () => before.every((topic) => client.kept.has(topic)));
    for (const router of ON_IT) await client.keeps(spoken(router), 'online');
    await onceEach();
  });
});

describe('a broker of its own, as it is by default', () => {
  const HERE = { host: '127.0.0.1' };
  const PASSWORD = 'four words of mine';
  const base = `hedgerow/${OWN_BROKER}`;
  const curl = (...args: string[]) =>
    house.must(OWN_BROKER, ['curl', '-s', '-m', '10', '-w', '\n%{http_code}', ...args]);
  const rpc = (method: string) =>
    curl(
      ...['-H', 'content-type: application/json', 'http://127.0.0.1:4480/api/rpc'],
      ...['-d', JSON.stringify({ jsonrpc: '2.0', id: 1, method })],
    );

  it('serves HTTP on loopback', async () => {
    expect(await curl('http://127.0.0.1:4480/healthz')).toMatch(/ok[^]*\n200$/);
    expect(await curl('http://127.0.0.1:4480/metrics')).toMatch(/^hedgerow_\w+[^]*\n200$/m);
    const status = await rpc('status');
    expect(status).toMatch(/\n200$/);
    expect(JSON.parse(status.split('\n')[0] ?? '')).toMatchObject({ result: { router: OWN_BROKER } });
  });

  it('tells everybody there, and does what is asked with the password', async () => {
    const reader = new Listening(house, OWN_BROKER, HERE, '311');
    const named = ['info', 'peers', 'policies', 'state'].map((topic) => `${base}/${topic}`);
    const topics = [...named, 'hedgerow/home/policies', 'hedgerow/home/routers'];
    await reader.until('what is its own', () =>
      topics.every((topic) => reader.heard.some((one) => one.topic === topic)),
    );
    const nodes = () => new Set(reader.heard.filter(({ topic }) => topic.startsWith('hedgerow/home/node/')));
    await reader.until('the devices', () => nodes().size >= house.topology.devices.length);

    await house.must(OWN_BROKER, ['hedgerow', 'config', 'password'], { input: `${PASSWORD}\n` });
    const trusted = { ...HERE, password: PASSWORD };
    await until('the password to be taken', async () => {
      const { code } = await house.exec(OWN_BROKER, publication(trusted, `${base}/request/home`, ''));
      return code === 0;
    });
    const writer = new Listening(house, OWN_BROKER, trusted, '311');
    await writer.until('a subscription', () => writer.heard.length > 0);
    const asked = (transaction: string) => JSON.stringify({ transaction });
    await publish(house, OWN_BROKER, HERE, `${base}/request/status`, asked('without'));
    await publish(house, OWN_BROKER, trusted, `${base}/request/status`, asked('with'));
    const answers = () =>
      writer.since(0, `${base}/response/status`).map(({ payload }) => JSON.parse(payload) as object);
    await writer.until('an answer', () => answers().length > 0);
    expect(answers()).toEqual([
      expect.objectContaining({
        transaction: 'with',
        status: 'ok',
        data: expect.objectContaining({ router: OWN_BROKER }),
      }),
    ]);
    expect(reader.since(0, `${base}/response/status`), 'answers are not for readers').toEqual([]);
    const wrong = await house.exec(OWN_BROKER, [
      ...['mosquitto_pub', '-h', '127.0.0.1', '-u', 'test', '-P', 'wrong', '-t', 'x', '-m', 'x'],
    ]);
    expect(wrong.code).not.toBe(0);
    expect(await rpc('status')).toMatch(/\n401$/);

    const said = (...verb: string[]) => house.must(OWN_BROKER, ['hedgerow', ...verb]);
    expect(await said('stats')).toMatch(/mqtt .*127\.0\.0\.1:1883[^]*|127\.0\.0\.1:1883[^]*mqtt/);
    expect(await said('connections', 'mqtt')).toMatch(/mqtt .*127\.0\.0\.1.*client/);
    expect(await said('status')).toContain(OWN_BROKER);
    await Promise.all([reader.stop(), writer.stop()]);
  });

  it('speaks MQTT over WebSocket at two ports', async () => {
    const script = `
      const { connectAsync } = require('${paths.checkout}/node_modules/mqtt');
      const all = ['ws://127.0.0.1:1884/mqtt', 'ws://127.0.0.1:4480/mqtt'].map(async (url) => {
        const client = await connectAsync(url, { password: '${PASSWORD}', username: 'test' });
        const heard = new Promise((resolve) => client.on('message', (topic) => resolve(topic)));
        await client.subscribeAsync('${base}/info');
        console.log(url, await heard);
        await client.endAsync();
      });
      Promise.all(all).then(() => process.exit(0));`;
    const told = await house.must(OWN_BROKER, [paths.node, '-e', script], { timeoutMs: 15_000 });
    expect(told.trim().split('\n').sort()).toEqual([
      `ws://127.0.0.1:1884/mqtt ${base}/info`,
      `ws://127.0.0.1:4480/mqtt ${base}/info`,
    ]);
  });
});
