import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { WebClient } from '../../src/control/http/mqtt.ts';
import { openWorld, PASSWORD, type World } from './http-world.ts';

/** A WebSocket until it is open, or the status with which it was refused. */
function open(
  world: World,
  { headers = {}, protocols = ['mqtt'] }: { headers?: Record<string, string>; protocols?: string[] } = {},
): Promise<WebSocket | number> {
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/mqtt`, protocols, { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.once('error', reject);
  });
}

async function opened(world: World, options?: Parameters<typeof open>[1]): Promise<WebSocket> {
  const socket = await open(world, options);
  if (typeof socket === 'number') throw new Error(`refused: ${socket}`);
  return socket;
}

describe('/mqtt', () => {
  let world: World;
  let accepted: { stream: Duplex; client: WebClient }[] = [];
  beforeAll(async () => {
    world = await openWorld({
      mqtt: (stream, client) => {
        accepted.push({ stream, client });
        stream.on('data', (chunk: Buffer) => stream.write(Buffer.concat([Buffer.from('>'), chunk])));
      },
      limits: { lookEveryMs: 50 },
    });
  });
  beforeEach(() => {
    accepted = [];
  });
  afterAll(() => world.end());

  it('hands the bytes over, with what the client may do', async () => {
    const socket = await opened(world);
    expect(socket.protocol).toBe('mqtt');
    socket.send(Buffer.from([1, 2, 3]));
    const [data] = await once(socket, 'message');
    expect([...data]).toEqual([62, 1, 2, 3]);
    expect(accepted[0]?.client).toMatchObject({
      rights: 'full',
      by: 'web',
      at: { loopback: true, secure: false },
    });
    expect(accepted[0]?.client.connection).toMatchObject({ state: 'open', purpose: 'mqtt' });
    const ended = once(accepted[0]?.stream as Duplex, 'close');
    socket.close();
    await ended;
  });

  it('is for MQTT, for our own page, and for us', async () => {
    expect(await open(world, { protocols: [] })).toBe(400);
    expect(await open(world, { protocols: ['chat'] })).toBe(400);
    expect(await open(world, { headers: { origin: 'http://evil.example' } })).toBe(403);
    expect(await open(world, { headers: { host: 'evil.example' } })).toBe(421);
    expect((await world.ask({ path: '/mqtt' })).status).toBe(426);
    const old = await opened(world, { protocols: ['chat', 'mqttv3.1'] });
    expect(old.protocol).toBe('mqttv3.1');
    old.terminate();
    const socket = await opened(world, { headers: { origin: `http://127.0.0.1:${world.port}` } });
    socket.terminate();
    expect(accepted).toHaveLength(2);
  });

  it('closes on text, on frames too large, and on rubbish', async () => {
    const text = await opened(world);
    text.send('text');
    expect((await once(text, 'close'))[0]).toBe(1003);
    const large = await opened(world);
    large.on('error', () => undefined);
    large.send(Buffer.alloc(300_000));
    expect((await once(large, 'close'))[0]).toBe(1009);
    const handshake =
      'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n';
    const rubbish = await world.raw(
      `${handshake}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      Buffer.alloc(2_000, 0xff),
    );
    expect(rubbish).toMatch(/^HTTP\/1\.1 101 /);
    expect(await world.raw(`${handshake}Sec-WebSocket-Key: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(
      await world.raw(`${handshake.replace('13', '7')}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await world.ask({ path: '/healthz' })).status).toBe(200);
  });

  it('ends with the session, and when a password is set', async () => {
    const unnamed = await opened(world);
    const ended = once(unnamed, 'close');
    await world.password.set(PASSWORD);
    expect((await ended)[0]).toBe(1008);

    const stranger = await opened(world);
    expect(accepted.at(-1)?.client.rights).toBe('read');
    stranger.terminate();

    const cookie = await world.login('Anna');
    const named = await opened(world, { headers: { cookie } });
    expect(accepted.at(-1)?.client).toMatchObject({ rights: 'full', by: 'Anna' });
    const loggedOut = once(named, 'close');
    await world.ask({ method: 'POST', path: '/api/logout', headers: { cookie } });
    expect((await loggedOut)[0]).toBe(1008);
  });

  it('closes when the broker cannot be had', async () => {
    const broken = await openWorld({
      mqtt: async () => {
        throw new Error('no broker');
      },
    });
    try {
      const socket = await opened(broken);
      expect((await once(socket, 'close'))[0]).toBe(1006);
    } finally {
      await broken.end();
    }
  });

  it('closes with the server, which does not wait for long', async () => {
    const closing = await openWorld({ mqtt: (stream) => void stream.resume() });
    const socket = await opened(closing);
    const gone = once(socket, 'close');
    const begun = performance.now();
    await closing.end();
    await gone;
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});
