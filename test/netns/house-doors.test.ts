import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { House } from '../../lab/house-api.ts';
import { paths } from '../../lab/paths.ts';
import { makeTopology } from '../../lab/topology.ts';
import { until } from '../../lab/wait.ts';
import { raiseHome } from './home.ts';
import { Listening, publication, publish } from './house-broker.ts';

const ROUTER = 'attic';

let house: House;
beforeAll(async () => {
  house = await raiseHome('test-doors', makeTopology(1));
});
afterAll(async () => {
  await house?.down();
});

describe('the doors of a router, as they are by default', () => {
  const HERE = { host: '127.0.0.1' };
  const PASSWORD = 'four words of mine';
  const base = `hedgerow/${ROUTER}`;
  const curl = (...args: string[]) =>
    house.must(ROUTER, ['curl', '-s', '-m', '10', '-w', '\n%{http_code}', ...args]);
  const rpc = (method: string) =>
    curl(
      ...['-H', 'content-type: application/json', 'http://127.0.0.1:4480/api/rpc'],
      ...['-d', JSON.stringify({ jsonrpc: '2.0', id: 1, method })],
    );

  it('serves HTTP on loopback', async () => {
    expect(await curl('http://127.0.0.1:4480/healthz')).toMatch(/ok[\s\S]*\n200$/);
    expect(await curl('http://127.0.0.1:4480/metrics')).toMatch(/^hedgerow_\w+[\s\S]*\n200$/m);
    const status = await rpc('status');
    expect(status).toMatch(/\n200$/);
    expect(JSON.parse(status.split('\n')[0] ?? '')).toMatchObject({ result: { router: ROUTER } });
  });

  it('tells everybody there, and does what is asked with the password', async () => {
    const reader = new Listening(house, ROUTER, HERE, '311');
    const named = ['info', 'peers', 'policies', 'state'].map((topic) => `${base}/${topic}`);
    const topics = [...named, 'hedgerow/home/policies', 'hedgerow/home/routers'];
    await reader.until('what is its own', () =>
      topics.every((topic) => reader.heard.some((one) => one.topic === topic)),
    );
    const nodes = () => new Set(reader.heard.filter(({ topic }) => topic.startsWith('hedgerow/home/node/')));
    await reader.until('the devices', () => nodes().size >= house.topology.devices.length);

    await house.must(ROUTER, ['hedgerow', 'config', 'password'], { input: `${PASSWORD}\n` });
    const trusted = { ...HERE, password: PASSWORD };
    await until('the password to be taken', async () => {
      const { code } = await house.exec(ROUTER, publication(trusted, `${base}/request/home`, ''));
      return code === 0;
    });
    const writer = new Listening(house, ROUTER, trusted, '311');
    await writer.until('a subscription', () => writer.heard.length > 0);
    const asked = (transaction: string) => JSON.stringify({ transaction });
    await publish(house, ROUTER, HERE, `${base}/request/status`, asked('without'));
    await publish(house, ROUTER, trusted, `${base}/request/status`, asked('with'));
    const answers = () =>
      writer.since(0, `${base}/response/status`).map(({ payload }) => JSON.parse(payload) as object);
    await writer.until('an answer', () => answers().length > 0);
    expect(answers()).toEqual([
      expect.objectContaining({
        transaction: 'with',
        status: 'ok',
        data: expect.objectContaining({ router: ROUTER }),
      }),
    ]);
    expect(reader.since(0, `${base}/response/status`), 'answers are not for readers').toEqual([]);
    const wrong = await house.exec(ROUTER, [
      ...['mosquitto_pub', '-h', '127.0.0.1', '-u', 'test', '-P', 'wrong', '-t', 'x', '-m', 'x'],
    ]);
    expect(wrong.code).not.toBe(0);
    expect(await rpc('status')).toMatch(/\n401$/);

    const said = (...verb: string[]) => house.must(ROUTER, ['hedgerow', ...verb]);
    expect(await said('stats')).toMatch(/^mqtt +127\.0\.0\.1:1883 /m);
    expect(await said('connections', 'mqtt')).toMatch(/ mqtt +following +127\.0\.0\.1:\d+ .*client/);
    expect(await said('status')).toContain(ROUTER);
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
    const told = await house.must(ROUTER, [paths.node, '-e', script], { timeoutMs: 15_000 });
    expect(told.trim().split('\n').sort()).toEqual([
      `ws://127.0.0.1:1884/mqtt ${base}/info`,
      `ws://127.0.0.1:4480/mqtt ${base}/info`,
    ]);
  });
});
