import { connectAsync } from 'mqtt';
import { describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { embeddedWorld, heard, PASSWORD } from './embedded-world.ts';

const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 10 });

describe('the embedded broker', () => {
  it('hands on what the agent says, in order, and keeps what is retained', async () => {
    await using world = await embeddedWorld('read');
    const { link } = world.embedded;
    expect(link.connected).toBe(false);
    expect(link.publish({ topic: 'hedgerow/attic/state', payload: 'online', retain: true })).toBe(false);
    const first = await world.client();
    const messages = heard(first);
    await first.subscribeAsync('#');
    expect(link.connected).toBe(true);
    link.publish({ topic: 'hedgerow/attic/node/1', payload: 'node', retain: true });
    link.publish({ topic: 'hedgerow/attic/flows', payload: 'of node 1' });
    await until(() =>
      expect(messages).toEqual(['hedgerow/attic/node/1 node', 'hedgerow/attic/flows of node 1']),
    );
    const second = await world.client();
    const later = heard(second);
    await second.subscribeAsync('hedgerow/+/node/#', { qos: 1 });
    await until(() => expect(later).toEqual(['kept hedgerow/attic/node/1 node']));
    link.publish({ topic: 'hedgerow/attic/node/1', payload: '', retain: true });
    await until(() => expect(later.at(-1)).toBe('hedgerow/attic/node/1 '));
    expect(world.broker.counts).toMatchObject({ clients: 2, retained: 0 });
  });

  it('lets readers read: no requests, no requests and answers of others', async () => {
    await using world = await embeddedWorld('read');
    const { link } = world.embedded;
    const reader = await world.client();
    const messages = heard(reader);
    const granted = await reader.subscribeAsync({ '#': { qos: 0 } });
    expect(granted[0]?.qos).toBe(0);
    const asked: string[] = [];
    link.subscribe('hedgerow/attic/request/#', ({ topic }) => asked.push(topic));
    await reader.publishAsync('hedgerow/attic/request/block', '{}', { qos: 1 });
    await reader.publishAsync('hedgerow/attic/state', 'offline', { qos: 1, retain: true });
    link.publish({ topic: 'hedgerow/attic/response/block', payload: 'secret' });
    link.publish({ topic: 'hedgerow/attic/flows', payload: 'x' });
    await until(() => expect(messages).toEqual(['hedgerow/attic/flows x']));
    expect(asked).toEqual([]);
    expect(reader.connected).toBe(true);
    expect(world.broker.counts).toMatchObject({ deniedPublishes: 2, received: 0, retained: 0 });
  });

  it('lets writers ask and see answers, but retain nothing and speak nowhere else', async () => {
    await using world = await embeddedWorld('write');
    const { link } = world.embedded;
    const asked: string[] = [];
    link.subscribe('hedgerow/attic/request/#', ({ topic, payload, retain }) => {
      asked.push(`${topic} ${payload} ${retain}`);
      link.publish({ topic: 'hedgerow/attic/response/status', payload: 'fine' });
    });
    const writer = await world.client();
    const other = await world.client();
    const messages = heard(writer);
    const overheard = heard(other);
    await writer.subscribeAsync('hedgerow/#');
    await other.subscribeAsync('hedgerow/#');
    await writer.publishAsync('hedgerow/attic/request/status', '{"a":1}', { qos: 2, retain: true });
    await writer.publishAsync('hedgerow/attic/flows', 'forged', { qos: 1 });
    await writer.publishAsync('hedgerow/attic/response/status', 'forged', { qos: 1 });
    await until(() => expect(messages).toEqual(['hedgerow/attic/response/status fine']));
    expect(asked).toEqual(['hedgerow/attic/request/status {"a":1} false']);
    await until(() => expect(overheard).toEqual(['hedgerow/attic/response/status fine']));
    expect(world.broker.counts).toMatchObject({ deniedPublishes: 2, received: 1, retained: 0 });
  });

  it('asks for the password where nothing is allowed without, whatever the user name', async () => {
    await using world = await embeddedWorld('none');
    const url = `mqtt://127.0.0.1:${world.port}`;
    const fails = (options: object) =>
      connectAsync(url, { reconnectPeriod: 0, ...options }).then(
        () => 'in',
        (error: Error & { code?: number }) => error.code,
      );
    expect(await fails({})).toBe(5);
    const before = performance.now();
    expect(await fails({ username: 'u', password: 'wrong horse' })).toBe(4);
    expect(performance.now() - before).toBeGreaterThan(900);
    const full = await world.client({ username: 'anybody', password: PASSWORD });
    const messages = heard(full);
    await full.subscribeAsync('#');
    await full.publishAsync('hedgerow/attic/request/status', 'mine');
    await until(() => expect(messages).toEqual(['hedgerow/attic/request/status mine']));
    expect(world.broker.counts.refused).toBe(2);
    expect(world.connections.at(-1)?.purpose).toMatch(/^client password:mqttjs_/);
    // Another password is set: whoever came in with the old one has to come again.
    world.setVersion('second');
    await until(() => expect(full.connected).toBe(false));
  });

  it('a client without the password does not take the place of one that has it', async () => {
    await using world = await embeddedWorld('read');
    const full = await world.client({ clientId: 'tablet', username: 'x', password: PASSWORD });
    const reader = await world.client({ clientId: 'tablet' });
    await reader.subscribeAsync('#');
    expect(full.connected && reader.connected).toBe(true);
    const again = await world.client({ clientId: 'tablet' });
    await until(() => expect(reader.connected).toBe(false));
    expect(full.connected && again.connected).toBe(true);
  });

  it('keeps no session, and lets no will be more than its client may say', async () => {
    await using world = await embeddedWorld('write');
    const watcher = await world.client({ username: 'x', password: PASSWORD });
    const messages = heard(watcher);
    await watcher.subscribeAsync('#');
    const will = (topic: string) => ({ topic, payload: Buffer.from('will'), qos: 1 as const, retain: true });
    const forging = await world.client({ will: will('hedgerow/attic/state') });
    const asking = await world.client({ will: will('hedgerow/attic/request/x') });
    forging.stream.destroy();
    asking.stream.destroy();
    await until(() => expect(messages).toEqual(['hedgerow/attic/request/x will']));
    expect(world.broker.counts.retained).toBe(0);
    const options = { clean: false, clientId: 'keeper' };
    const keeper = await world.client(options);
    await keeper.subscribeAsync('hedgerow/#', { qos: 1 });
    await keeper.endAsync();
    world.embedded.link.publish({ topic: 'hedgerow/attic/flows', payload: 'missed' });
    const back = await world.client(options);
    expect(heard(back)).toEqual([]);
    expect(back.connected).toBe(true);
  });

  it('speaks over WebSocket too, with both names of MQTT, to pages of this router only', async () => {
    await using world = await embeddedWorld('read');
    const url = `ws://127.0.0.1:${world.webPort}/mqtt`;
    for (const protocolVersion of [3, 4] as const) {
      const client = await world.client(
        {
          protocolVersion,
          protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
          clientId: `page${protocolVersion}`,
        },
        url,
      );
      const messages = heard(client);
      await client.subscribeAsync('#');
      world.embedded.link.publish({ topic: 'a/b', payload: 'x'.repeat(300_000) });
      await until(() => expect(messages).toEqual([`a/b ${'x'.repeat(300_000)}`]));
    }
    const status = (options: { path?: string; protocol?: string; origin?: string; host?: string }) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(
          `ws://127.0.0.1:${world.webPort}${options.path ?? '/mqtt'}`,
          options.protocol ?? 'mqtt',
          {
            ...(options.origin === undefined ? {} : { origin: options.origin }),
            headers: options.host === undefined ? {} : { host: options.host },
          },
        );
        socket.on('error', () => undefined);
        socket.on('open', () => {
          resolve(101);
          socket.terminate();
        });
        socket.on('unexpected-response', (_request, response) => {
          resolve(response.statusCode ?? 0);
          socket.terminate();
        });
      });
    const { webPort } = world;
    expect(await status({ path: '/other' })).toBe(404);
    expect(await status({ protocol: 'soap' })).toBe(400);
    expect(await status({ origin: `http://127.0.0.1:${webPort}` })).toBe(101);
    expect(await status({ origin: 'http://127.0.0.1:4480' })).toBe(101);
    expect(await status({ origin: 'http://evil.example' })).toBe(403);
    // A stranger's name that was made to lead here.
    const host = `evil.example:${webPort}`;
    expect(await status({ origin: `http://${host}`, host })).toBe(403);
    const own = `attic.lan:${webPort}`;
    expect(await status({ origin: `http://${own}`, host: own })).toBe(101);
    expect((await fetch(`http://127.0.0.1:${webPort}/mqtt`)).status).toBe(426);
  });
});
