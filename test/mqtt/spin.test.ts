import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Moved } from '../../src/control/recent.ts';
import { silentLog } from '../../src/log.ts';
import { Bridge } from '../../src/mqtt/bridge.ts';
import { ClientLink } from '../../src/mqtt/client-link.ts';
import { RouterName } from '../../src/mqtt/router-name.ts';
import { SpinPublication } from '../../src/mqtt/spin/publication.ts';
import { peer } from '../support/home-assistant.ts';
import { type SpinHouse, spinHouse } from '../unit/mqtt/spin/spin-house.ts';
import { type Mosquitto, startMosquitto } from './mosquitto.ts';

let broker: Mosquitto;
let client: MqttClient;
let house: SpinHouse;
let bridge: Bridge;
let link: ClientLink;
/** What SPIN's bubble app, which listens to SPIN/traffic/#, was told in order. */
let told: { topic: string; text: string; retain: boolean }[];
let moved: Moved[];

async function until<T>(what: string, find: () => T | undefined): Promise<T> {
  for (const end = Date.now() + 8_000; Date.now() < end; ) {
    const found = find();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: not in 8 s`);
}

const place = (topic: string, part = '') =>
  told.findIndex((one) => one.topic === topic && one.text.includes(part));
const said = (topic: string, part = '') =>
  until(`${topic} ${part}`, () => (place(topic, part) < 0 ? undefined : place(topic, part)));

async function ask(method: string, params: object): Promise<unknown> {
  const id = Math.random();
  await client.publishAsync('SPIN/jsonrpc/q', JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  const at = await said('SPIN/jsonrpc/a', `"id":${id}`);
  return JSON.parse(told[at]?.text ?? '').result;
}

beforeEach(async () => {
  broker = await startMosquitto();
  client = await connectAsync(broker.url);
  told = [];
  client.on('message', (topic, payload, { retain }) =>
    told.push({ topic, text: payload.toString(), retain }),
  );
  await client.publishAsync('SPIN/traffic/node/4711', '{"command":"nodeInfo","result":{}}', { retain: true });
  await client.subscribeAsync(['SPIN/traffic/#', 'SPIN/jsonrpc/a']);
  house = spinHouse();
  moved = [];
  const name = new RouterName('attic', peer(1));
  link = new ClientLink({
    url: broker.url,
    clientId: 'hedgerow-attic',
    will: { topic: `${name.base}/state`, payload: 'offline' },
    clock: systemClock,
    log: silentLog,
    againMs: 300,
  });
  await link.start();
  const versions = () => ({ nodes: 0, policies: house.replica.liveVersion, peers: 0 });
  const nothing = { dropped: [], asked: [], happenings: [], missed: 0 };
  bridge = new Bridge({
    links: [{ link, alone: true }],
    publications: [new SpinPublication({ methods: house.methods, rpc: house.rpc, clock: systemClock })],
    recent: { take: () => ({ ...nothing, moved: moved.splice(0), versions: versions() }) },
    name,
    clock: systemClock,
    log: silentLog,
  });
  await bridge.start(new AbortController().signal);
});

afterEach(async () => {
  await bridge.stop();
  await link.stop();
  await client.endAsync(true);
  await broker.stop();
});

describe('SPIN on mosquitto', () => {
  it('nodes come before the flows that speak of them, and what nobody knows is cleared', async () => {
    await said('SPIN/traffic', 'serverRestart');
    await until('cleared', () =>
      told.find(({ topic, text }) => topic === 'SPIN/traffic/node/4711' && text === ''),
    );
    const counts = { packets: 1, bytes: 100 };
    const about = { device: house.alice, other: house.cloud, otherIsDevice: false, protocol: 6, port: 443 };
    moved.push({ ...about, up: counts, down: counts, began: 1, ignored: false });
    const at = await said('SPIN/traffic', '"traffic"');
    const [flow] = JSON.parse(told[at]?.text ?? '').result.flows;
    expect(flow).toMatchObject({ size: 200, count: 2 });
    for (const number of [flow.from, flow.to])
      expect(place(`SPIN/traffic/node/${number}`, 'nodeInfo')).toBeLessThan(at);
    // An app that comes now is told of both at once.
    told.length = 0;
    await client.unsubscribeAsync('SPIN/traffic/#');
    await client.subscribeAsync('SPIN/traffic/#');
    await said(`SPIN/traffic/node/${flow.to}`, 'cloud.example.com.');
    expect(told.every(({ topic, retain }) => !retain || topic.startsWith('SPIN/traffic/node/'))).toBe(true);
  });

  it('a question is answered, and what it changed is told', async () => {
    await said('SPIN/traffic', 'serverRestart');
    const node = house.aliases.of(house.cloud);
    expect(await ask('add_iplist_node', { list: 'block', node })).toBeUndefined();
    expect(await ask('list_iplist', { list: 'block' })).toEqual(['203.0.113.10', '2001:db8:cafe::10']);
    await said('SPIN/traffic', '{"command":"block","result":["203.0.113.10","2001:db8:cafe::10"]}');
    await client.publishAsync('SPIN/jsonrpc/q', 'rubbish');
    await said('SPIN/jsonrpc/a', 'Wrong JSON-RPC version');
  });
});
