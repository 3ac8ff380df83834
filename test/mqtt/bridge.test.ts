import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { Bridge } from '../../src/mqtt/bridge.ts';
import { RouterName } from '../../src/mqtt/router-name.ts';
import { HomeTopics } from '../../src/mqtt/topics/home.ts';
import { Requests } from '../../src/mqtt/topics/requests.ts';
import { RouterTopics } from '../../src/mqtt/topics/router.ts';
import { device, FakeHome, FakeRecent, id } from '../support/mqtt-home.ts';
import { wrongIn } from '../support/mqtt-schemas.ts';
import { bridgeRouter } from './bridge-router.ts';
import { embeddedWorld } from './embedded-world.ts';
import { type Mosquitto, startMosquitto } from './mosquitto.ts';

const LOW = '1'.repeat(64);
const MIDDLE = '5'.repeat(64);
const HIGH = '9'.repeat(64);

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

async function broker(): Promise<Mosquitto> {
  const started = await startMosquitto();
  cleanUp.push(() => started.stop());
  return started;
}

async function router(url: string, member: string, name: string) {
  const made = await bridgeRouter(url, member, name);
  cleanUp.push(() => made.stop());
  return made;
}

/** Somebody who listens to everything, and keeps what is retained. */
async function listener(url: string) {
  const client = await connectAsync(url, { reconnectPeriod: 300 });
  cleanUp.push(() => client.endAsync(true));
  const retained = new Map<string, string>();
  const heard: { topic: string; payload: string }[] = [];
  client.on('message', (topic, bytes) => {
    const payload = bytes.toString();
    heard.push({ topic, payload });
    if (/\/(flows|event|admin)$|\/re(quest|sponse)\//.test(topic)) return;
    if (payload === '') retained.delete(topic);
    else retained.set(topic, payload);
  });
  client.on('error', () => undefined);
  await client.subscribeAsync('hedgerow/#');
  return { client, retained, heard };
}

async function until(what: string, holds: () => boolean, ms = 10_000): Promise<number> {
  const from = performance.now();
  while (!holds()) {
    if (performance.now() - from > ms) throw new Error(`not in ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - from;
}

const node = (digit: string) => `hedgerow/home/node/${id(digit)}`;

describe('three routers on one mosquitto', () => {
  it('say what belongs to the home once, and go on when the one that speaks is killed', async () => {
    const { url } = await broker();
    const { retained, heard } = await listener(url);
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'bridge-router.ts'), url, LOW, 'attic'],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    cleanUp.push(() => child.kill('SIGKILL'));
    await until('the first speaks', () => retained.has(node('1')));
    const barn = await router(url, MIDDLE, 'barn');
    const cellar = await router(url, HIGH, 'cellar');
    await until('all are online', () =>
      ['attic', 'barn', 'cellar'].every((name) => retained.get(`hedgerow/${name}/state`) === 'online'),
    );
    expect([barn.speaks(), cellar.speaks()]).toEqual([false, false]);
    expect(heard.filter(({ topic }) => topic === node('1'))).toHaveLength(1);

    barn.home.devices = [device('1', { label: 'seen by barn' })];
    barn.recent.versions = { nodes: 1, policies: 0, peers: 0 };
    const killed = performance.now();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until('the next says what it knows', () => barn.speaks() && !retained.has(node('2')));
    expect(performance.now() - killed).toBeLessThan(5_000);
    expect(retained.get('hedgerow/attic/state')).toBe('offline');
    expect(JSON.parse(retained.get(node('1')) ?? '').label).toBe('seen by barn');
    expect(cellar.speaks()).toBe(false);

    await barn.stop();
    await until('the last speaks', () => cellar.speaks());
    await until('it says what it knows', () => retained.has(node('2')));
    expect(heard.flatMap((each) => wrongIn({ ...each, retain: true }) ?? [])).toEqual([]);
  }, 30_000);

  it('say everything anew after the broker has started again, and clear what is not theirs', async () => {
    const started = await broker();
    const { url } = started;
    const first = await listener(url);
    await first.client.publishAsync(node('7'), 'left over', { retain: true });
    const barn = await router(url, MIDDLE, 'barn');
    const cellar = await router(url, HIGH, 'cellar');
    await until('it is cleared', () => !first.retained.has(node('7')) && first.retained.has(node('1')));
    await first.client.publishAsync('hedgerow/barn/info', '{"member": "forged"}', { retain: true });
    await until('it is put right', () => first.retained.get('hedgerow/barn/info')?.includes(MIDDLE) === true);
    await started.restart();
    const { retained } = await listener(url);
    await until('everything is there again', () =>
      [node('1'), 'hedgerow/home/policies', 'hedgerow/barn/info', 'hedgerow/cellar/state'].every((topic) =>
        retained.has(topic),
      ),
    );
    await until('one speaks, and one alone', () => barn.speaks() && !cellar.speaks());
  }, 30_000);

  it('answer requests', async () => {
    const { url } = await broker();
    const { client, heard, retained } = await listener(url);
    await router(url, MIDDLE, 'barn');
    await until('it is online', () => retained.get('hedgerow/barn/state') === 'online');
    await client.publishAsync('hedgerow/barn/request/block', '{"first": "tv", "transaction": 1}');
    await client.publishAsync('hedgerow/barn/request/block', '}{');
    const answers = () => heard.filter(({ topic }) => topic === 'hedgerow/barn/response/block');
    await until('both are answered', () => answers().length === 2);
    expect(
      answers()
        .map(({ payload }) => JSON.parse(payload).status)
        .sort(),
    ).toEqual(['error', 'ok']);
  });
});

describe('the embedded broker', () => {
  it('has everything within a second or two of its first client, and answers it', async () => {
    await using world = await embeddedWorld('write');
    const home = new FakeHome(MIDDLE, 'barn');
    const recent = new FakeRecent();
    const name = new RouterName('barn', MIDDLE);
    const deps = { methods: () => home.methods, name, clock: systemClock, log: silentLog };
    const publications = [new RouterTopics(deps), new HomeTopics(deps), new Requests(deps)];
    const links = [{ link: world.embedded.link, alone: true }];
    const bridge = new Bridge({ ...deps, links, publications, recent });
    await bridge.start(new AbortController().signal);
    cleanUp.push(() => bridge.stop());
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(recent.takes).toBe(0);
    const client = await world.client();
    const heard = new Map<string, string>();
    client.on('message', (topic, payload) => heard.set(topic, payload.toString()));
    await client.subscribeAsync('hedgerow/#');
    await until(
      'it is told',
      () => heard.has(node('1')) && heard.get('hedgerow/barn/state') === 'online',
      3_000,
    );
    await client.publishAsync('hedgerow/barn/request/policies', '{"transaction": 5}');
    await until('it is answered', () => heard.has('hedgerow/barn/response/policies'), 3_000);
    const answer = JSON.parse(heard.get('hedgerow/barn/response/policies') ?? '');
    expect(answer).toMatchObject({ status: 'ok', transaction: 5, data: [{ by: 'anna' }] });
    const wrong = [...heard].flatMap(([topic, payload]) => wrongIn({ topic, payload, retain: true }) ?? []);
    expect(wrong).toEqual([]);
  });
});
