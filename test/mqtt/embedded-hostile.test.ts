import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import mqttPacket from 'mqtt-packet';
import { describe, expect, it, vi } from 'vitest';
import { embeddedWorld, heard } from './embedded-world.ts';

const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

const hello = mqttPacket.generate({
  cmd: 'connect',
  clientId: 'raw',
  protocolId: 'MQTT',
  protocolVersion: 4,
  keepalive: 0,
  clean: true,
});
const subscribeAll = mqttPacket.generate({
  cmd: 'subscribe',
  messageId: 1,
  subscriptions: [{ topic: '#', qos: 0 }],
});
const say = (qos: 0 | 1 | 2, messageId: number) =>
  mqttPacket.generate({
    cmd: 'publish',
    topic: 'hedgerow/a/request/x',
    payload: 'x',
    qos,
    messageId,
    retain: false,
    dup: false,
  });

async function raw(port: number, ...bytes: Uint8Array[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  for (const each of bytes) socket.write(each);
  return socket;
}

/** Whether the other end closes it, reading what comes meanwhile. */
async function isClosed(socket: Socket): Promise<boolean> {
  socket.resume();
  if (!socket.closed) await Promise.race([once(socket, 'close'), pause(5_000)]);
  return socket.closed;
}

describe('the embedded broker, attacked', () => {
  it('cuts off a subscriber that stops reading, while others get everything', async () => {
    await using world = await embeddedWorld('read');
    const slow = await raw(world.port, hello, subscribeAll);
    slow.pause();
    const good = await world.client();
    const messages = heard(good);
    await good.subscribeAsync('#');
    await until(() => expect(world.broker.counts.clients).toBe(2));
    const before = process.memoryUsage().rss;
    const payload = 'x'.repeat(50_000);
    const total = 600;
    for (let i = 0; i < total; i++) {
      world.embedded.link.publish({ topic: 'hedgerow/attic/flows', payload });
      if (i % 4 === 0) await pause(1);
    }
    await until(() => expect(messages).toHaveLength(total));
    expect(world.broker.counts).toMatchObject({ clients: 1, cutSlow: 1 });
    messages.length = 0;
    // 30 MB went through; what waited for the slow one was at most 2 MB, and is gone.
    expect((process.memoryUsage().rss - before) / 1e6).toBeLessThan(150);
    slow.destroy();
  });

  it('cuts off one that takes too little for too long, and shows it as slow before', async () => {
    await using world = await embeddedWorld('read', {
      limits: { slowSeconds: 2, queuedBytes: 20_000, mostQueuedBytes: 1e9 },
    });
    const slow = await raw(world.port, hello, subscribeAll);
    slow.pause();
    await until(() => expect(world.broker.counts.clients).toBe(1));
    await pause(50);
    const payload = 'x'.repeat(100_000);
    const full = () => world.connections[0]?.state === 'slow' || world.broker.counts.cutSlow > 0;
    for (let i = 0; !full() && i < 2_000; i++) {
      world.embedded.link.publish({ topic: 'hedgerow/attic/flows', payload });
      await pause(5);
    }
    expect(world.connections[0]?.state).toBe('slow');
    await until(() => expect(world.broker.counts).toMatchObject({ clients: 0, cutSlow: 1 }));
    slow.destroy();
  });

  it('hangs up on packets that are too long, too many or no MQTT, and on silence', async () => {
    await using world = await embeddedWorld('write', { limits: { connectMs: 300 } });
    const { port } = world;
    const flood = Buffer.concat(Array.from({ length: 2_000 }, (_, i) => say(0, i + 1)));
    const half = Buffer.concat(Array.from({ length: 60 }, (_, i) => say(2, i + 1)));
    const pings = Buffer.concat(Array.from({ length: 100 }, () => mqttPacket.generate({ cmd: 'pingreq' })));
    const many = mqttPacket.generate({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: Array.from({ length: 500 }, (_, i) => ({ topic: `t/${i}`, qos: 0 })),
    });
    // A packet of 256 MB is announced: nothing is gathered.
    const huge = Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]);
    const cases: readonly (readonly [string, ...Uint8Array[]])[] = [
      ['publishes too fast', hello, flood],
      ['too many QoS 2 under way', hello, half],
      ['pings too fast', hello, pings],
      ['a huge packet', hello, huge],
      ['a huge CONNECT', Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])],
      ['no CONNECT', say(0, 1)],
      ['CONNECT twice', hello, hello],
      ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
      [
        'MQTT 5',
        mqttPacket.generate({
          cmd: 'connect',
          clientId: 'x',
          protocolId: 'MQTT',
          protocolVersion: 5,
          keepalive: 0,
          clean: true,
        }),
      ],
      ['silence'],
    ];
    for (const [name, ...bytes] of cases) {
      const socket = await raw(port, ...bytes);
      expect([name, await isClosed(socket)]).toEqual([name, true]);
    }
    const { counts } = world.broker;
    expect(counts).toMatchObject({ clients: 0, cutFast: 2 });
    expect(counts.cutMalformed).toBeGreaterThanOrEqual(5);
    const greedy = await raw(port, hello, many);
    await until(() => expect(counts.deniedSubscriptions).toBe(500 - 64));
    greedy.destroy();
    await until(() => expect(counts.clients).toBe(0));
  });

  it('takes so many clients; who comes then gets the place of one without a subscription, or none', async () => {
    await using world = await embeddedWorld('read', { limits: { clients: 5 } });
    const { counts } = world.broker;
    const silent = await Promise.all(Array.from({ length: 5 }, () => raw(world.port)));
    await until(() => expect(world.connections).toHaveLength(5));
    const subscribers = [];
    for (let i = 0; i < 5; i++) {
      const client = await world.client();
      await client.subscribeAsync('#');
      subscribers.push(client);
    }
    for (const socket of silent) expect(await isClosed(socket)).toBe(true);
    expect(counts).toMatchObject({ clients: 5, gaveWay: 5, tooMany: 0 });
    expect(await isClosed(await raw(world.port, hello))).toBe(true);
    expect(counts).toMatchObject({ clients: 5, gaveWay: 5, tooMany: 1 });
    subscribers[0]?.end(true);
    await until(() => expect(counts.clients).toBe(4));
    expect((await world.client()).connected).toBe(true);
  });
});
