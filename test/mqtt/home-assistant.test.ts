import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { Bridge } from '../../src/mqtt/bridge.ts';
import { ClientLink } from '../../src/mqtt/client-link.ts';
import { HomeAssistant } from '../../src/mqtt/home-assistant/home.ts';
import { HomeAssistantRouter } from '../../src/mqtt/home-assistant/router.ts';
import { RouterName } from '../../src/mqtt/router-name.ts';
import { deviceView, fakeHome, id, peer, recentOf } from '../support/home-assistant.ts';
import { type Mosquitto, startMosquitto } from './mosquitto.ts';

const TV = `homeassistant/device/hedgerow_d_${id(1)}/config`;
const PHONE = `homeassistant/device/hedgerow_d_${id(2)}/config`;
const STATE = `hedgerow/home/ha/d_${id(1)}`;

/** A router with Home Assistant's publications on a real broker. */
async function start(url: string) {
  const home = fakeHome();
  let policies = 0;
  const name = new RouterName('attic', peer(1));
  const link = new ClientLink({
    url,
    clientId: 'hedgerow-attic',
    will: { topic: `${name.base}/state`, payload: 'offline' },
    clock: systemClock,
    log: silentLog,
    againMs: 300,
  });
  const options = { methods: () => home.methods, name, clock: systemClock, log: silentLog };
  const bridge = new Bridge({
    ...options,
    links: [{ link, alone: false }],
    publications: [
      new HomeAssistant({ ...options, prefix: 'homeassistant' }),
      new HomeAssistantRouter(options),
    ],
    recent: { take: () => recentOf(0, policies) },
  });
  await link.start();
  await bridge.start(new AbortController().signal);
  return {
    home,
    link,
    changed: () => {
      policies += 1;
    },
    stop: async () => {
      await bridge.stop();
      await link.stop();
    },
  };
}

async function until(what: string, is: () => boolean): Promise<void> {
  for (const end = Date.now() + 8_000; Date.now() < end; ) {
    if (is()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: not in 8 s`);
}

describe('Home Assistant on mosquitto', () => {
  let broker: Mosquitto;
  let client: MqttClient;
  let router: Awaited<ReturnType<typeof start>>;
  /** What a Home Assistant that starts now is told, and goes on to be. */
  let seen: Map<string, string>;
  let messages: string[];

  const watch = async () => {
    seen = new Map();
    messages = [];
    client = await connectAsync(broker.url);
    client.on('message', (topic, payload) => {
      messages.push(topic);
      if (payload.length === 0) seen.delete(topic);
      else seen.set(topic, payload.toString());
    });
    await client.subscribeAsync(['homeassistant/#', 'hedgerow/#'], { qos: 1 });
  };
  const state = () => JSON.parse(seen.get(STATE) ?? '{}');

  beforeEach(async () => {
    broker = await startMosquitto();
    await watch();
    await client.publishAsync('homeassistant/device/0x00124b/config', '{"foreign":1}', { retain: true });
    await client.publishAsync(TV.replace(id(1), id(9)), '{"gone":1}', { retain: true });
    router = await start(broker.url);
    await until(
      'announced',
      () => seen.has(TV) && seen.has('hedgerow/attic/ha') && !seen.has(TV.replace(id(1), id(9))),
    );
  });

  afterEach(async () => {
    await router.stop();
    await client.endAsync(true);
    await broker.stop();
  });

  it('is told of all, switches, renames, removes, and is told again when it is born', async () => {
    expect(seen.get('homeassistant/device/0x00124b/config')).toBe('{"foreign":1}');
    expect(JSON.parse(seen.get(TV) ?? '').avty[0]).toEqual({ t: 'hedgerow/attic/state' });
    expect(seen.get('hedgerow/attic/state')).toBe('online');
    expect(state()).toMatchObject({ block: 'OFF', down: 1_000 });

    router.home.onCommand = () => {
      router.home.devices = [deviceView(1, 'Cinema', { internetBlockedBy: ['x'] })];
      router.changed();
    };
    await client.publishAsync(`hedgerow/home/request/ha/${id(1)}/block`, 'ON');
    await until('switched', () => state().block === 'ON');
    expect(router.home.commands).toMatchObject([['block', { by: 'home-assistant', second: 'internet' }]]);
    await until('renamed', () => JSON.parse(seen.get(TV) ?? '').dev.name === 'Cinema');
    await until('removed', () => !seen.has(PHONE));

    messages = [];
    await client.publishAsync('homeassistant/status', 'online');
    await until('again', () => messages.includes(TV) && messages.includes(STATE));
    expect(messages.indexOf(TV)).toBeLessThan(messages.indexOf(STATE));
    expect(seen.get('homeassistant/device/0x00124b/config')).toBe('{"foreign":1}');
  });

  it('has all of it again after the broker forgot, and after its own restart; bytes go on', async () => {
    await broker.restart();
    await client.endAsync(true);
    await watch();
    await until('announced again', () => seen.has(TV) && seen.has(STATE) && seen.has('hedgerow/attic/ha'));

    await router.stop();
    router = await start(broker.url);
    router.home.devices = [deviceView(1, 'Lounge TV', { places: [], bytesHere: { up: 1, down: 1 } })];
    await until('speaks', () => !seen.has(PHONE));
    expect(state()).toMatchObject({ down: 1_000, up: 50 });
  });
});
