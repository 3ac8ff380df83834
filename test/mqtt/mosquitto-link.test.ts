import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { ClientLink, type ClientLinkOptions } from '../../src/mqtt/client-link.ts';
import { embeddedWorld, PASSWORD } from './embedded-world.ts';
import { freePort, type Mosquitto, type MosquittoOptions, startMosquitto } from './mosquitto.ts';

const until = (check: () => void, timeout = 8_000) => vi.waitFor(check, { timeout, interval: 10 });
const WILL = { topic: 'hedgerow/attic/state', payload: '{"state":"offline"}' };
let count = 0;

async function mosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const broker = await startMosquitto(options);
  onTestFinished(() => broker.stop());
  return broker;
}

/** A link that has begun to connect. */
async function linkTo(url: string, options: Partial<ClientLinkOptions> = {}): Promise<ClientLink> {
  const link = new ClientLink({
    url,
    clientId: `hedgerow-test-${++count}`,
    will: WILL,
    clock: systemClock,
    log: silentLog,
    againMs: 50,
    ...options,
  });
  onTestFinished(() => link.stop());
  await link.start();
  return link;
}

function heard(link: ClientLink, filter: string): string[] {
  const messages: string[] = [];
  link.subscribe(filter, ({ topic, payload, retain }) =>
    messages.push(`${retain ? 'kept ' : ''}${topic} ${payload}`),
  );
  return messages;
}

describe('the link onto mosquitto', () => {
  it('publishes in order, hears each message once for each subscription, and says goodbye', async () => {
    const { url } = await mosquitto();
    const link = await linkTo(url);
    const other = await linkTo(url);
    let times = 0;
    link.onConnected(() => {
      times += 1;
    });
    await until(() => expect(link.connected && other.connected).toBe(true));
    expect(times).toBe(1);
    const all = heard(other, 'hedgerow/#');
    const some = heard(other, 'hedgerow/attic/+');
    await until(() => expect(other.health().waiting).toBe(0));
    const sent = Array.from({ length: 300 }, (_, i) => ({
      topic: 'hedgerow/attic/x',
      payload: `${i}`,
      retain: i % 3 === 0,
    }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const message of sent) expect(link.publish(message)).toBe(true);
    await until(() => expect(all).toHaveLength(300));
    // Mosquitto keeps the order among messages of one QoS; which of them are confirmed shows in `retain`.
    for (const messages of [all, some])
      for (const retained of [true, false]) {
        const expected = sent
          .filter(({ retain }) => retain === retained)
          .map(({ payload }) => `hedgerow/attic/x ${payload}`);
        expect(messages.filter((text) => (Number(text.split(' ')[1]) % 3 === 0) === retained)).toEqual(
          expected,
        );
      }
    expect(heard(link, 'hedgerow/#')).toEqual([]);
    const late = heard(other, 'hedgerow/+/x');
    await until(() => expect(late).toEqual(['kept hedgerow/attic/x 297']));
    // It was for the new subscription only.
    expect(all).toHaveLength(300);
    await link.stop();
    await until(() => expect(all.at(-1)).toBe(`${WILL.topic} ${WILL.payload}`));
    expect(link.publish({ topic: 'a', payload: '' })).toBe(false);
  });

  it('connects again when the broker is killed and restarted, subscribes anew and tells so', async () => {
    const broker = await mosquitto();
    const link = await linkTo(broker.url);
    let times = 0;
    link.onConnected(() => {
      times += 1;
      link.publish({ topic: 'hedgerow/attic/state', payload: 'online', retain: true });
    });
    const messages = heard(link, 'hedgerow/#');
    await until(() => expect(messages).toEqual(['hedgerow/attic/state online']));
    await broker.kill();
    await until(() => expect(link.problem()).toBe('nothing listens there'));
    expect(link.publish({ topic: 'a', payload: 'lost' })).toBe(false);
    expect(link.health()).toMatchObject({ connected: false, dropped: 1, waiting: 0 });
    await broker.restart();
    await until(() => expect(messages).toHaveLength(2));
    expect(times).toBe(2);
    expect(link.problem()).toBe(undefined);
  });

  it('tells a wrong password, and takes the right one as soon as it is in the file', async () => {
    const broker = await mosquitto({ users: { hedgerow: 'the right one' } });
    const passwordFile = join(broker.folder, 'ours');
    const link = await linkTo(broker.url, { user: 'hedgerow', passwordFile });
    await until(() => expect(link.problem()).toBe(`${passwordFile} cannot be read`));
    writeFileSync(passwordFile, 'a wrong one\n');
    await until(() => expect(link.problem()).toMatch(/wrong user or password/));
    writeFileSync(passwordFile, 'the right one\nnot this line\n');
    await until(() => expect(link.connected).toBe(true));
    expect(link.problem()).toBe(undefined);
  });

  it('tells what the rules of the broker deny', async () => {
    const acl = `user a\ntopic readwrite hedgerow/#\n`;
    const broker = await mosquitto({ users: { a: 'b' }, acl });
    const passwordFile = join(broker.folder, 'ours');
    writeFileSync(passwordFile, 'b');
    const link = await linkTo(broker.url, { user: 'a', passwordFile });
    await until(() => expect(link.connected).toBe(true));
    link.publish({ topic: 'hedgerow/attic/state', payload: 'x', retain: true });
    await until(() => expect(link.health().waiting).toBe(0));
    expect(link.problem()).toBe(undefined);
    link.publish({ topic: 'homeassistant/device/x/config', payload: 'x', retain: true });
    await until(() =>
      expect(link.problem()).toBe("the broker's rules deny us publishing to homeassistant/device/x/config"),
    );
    expect(link.connected).toBe(true);
  });

  it('tells when a message is too long for the broker, and stays connected', async () => {
    const { url } = await mosquitto({ extra: 'max_packet_size 2000' });
    const link = await linkTo(url);
    await until(() => expect(link.connected).toBe(true));
    const messages = heard(link, 'hedgerow/#');
    expect(link.publish({ topic: 'hedgerow/long', payload: 'x'.repeat(3_000), retain: true })).toBe(true);
    expect(link.problem()).toMatch(/hedgerow\/long, which is too long/);
    await until(() => {
      link.publish({ topic: 'hedgerow/short', payload: 'x' });
      expect(messages[0]).toBe('hedgerow/short x');
    });
    expect(link.health().dropped).toBe(1);
  });

  it('speaks TLS with a certificate of its own, and tells what is wrong with one', async () => {
    const broker = await mosquitto({ tls: 'client' });
    const { ca, cert, key } = broker.files;
    const certificate = { cert, key };
    const problem = async (url: string, options: Partial<ClientLinkOptions>) => {
      const link = await linkTo(url, options);
      await until(() => expect(link.problem()).not.toBe(undefined));
      const words = link.problem();
      await link.stop();
      return words;
    };
    expect(await problem(broker.url, {})).toMatch(/signed by nobody that we know/);
    expect(await problem(broker.url, { ca })).toMatch(/asks for a certificate|hung up/);
    const plain = await mosquitto();
    expect(await problem(plain.url.replace('mqtt:', 'mqtts:'), { ca })).toMatch(/no TLS|hung up/);
    const link = await linkTo(broker.url, { ca, certificate });
    await until(() => expect(link.connected).toBe(true));
    const localhost = await linkTo(broker.url.replace('127.0.0.1', 'localhost'), { ca, certificate });
    await until(() => expect(localhost.connected).toBe(true));
  });

  it('the broker says that we are gone when the process is killed', async () => {
    const broker = await mosquitto();
    const watcher = await linkTo(broker.url, { will: { topic: 'other', payload: '' } });
    const messages = heard(watcher, 'hedgerow/#');
    await until(() => expect(watcher.connected).toBe(true));
    const child = spawn(process.execPath, [join(import.meta.dirname, 'link-process.ts'), broker.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await until(() => expect(messages).toEqual(['hedgerow/child/state online']));
      child.kill('SIGKILL');
      await until(() => expect(messages.at(-1)).toBe('hedgerow/child/state offline'));
    } finally {
      child.kill('SIGKILL');
    }
    const kept = heard(watcher, 'hedgerow/child/+');
    await until(() => expect(kept).toEqual(['kept hedgerow/child/state offline']));
  });

  it('falls back to MQTT 3.1.1: the embedded broker of another router knows no other', async () => {
    await using world = await embeddedWorld('none');
    const passwordFile = join((await mosquitto()).folder, 'ours');
    writeFileSync(passwordFile, PASSWORD);
    chmodSync(passwordFile, 0o600);
    const link = await linkTo(`mqtt://127.0.0.1:${world.port}`, { user: 'x', passwordFile });
    const messages = heard(link, 'hedgerow/#');
    await until(() => expect(link.connected).toBe(true));
    await until(() => {
      world.embedded.link.publish({ topic: 'hedgerow/attic/flows', payload: 'x' });
      expect(messages[0]).toBe('hedgerow/attic/flows x');
    });
  });

  it('drops what a broker that stops reading does not take, and bounds what waits', async () => {
    // It says that it is a broker (CONNACK of MQTT 5), and reads no more.
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from([0x20, 0x03, 0x00, 0x00, 0x00]));
        socket.pause();
      });
      socket.on('error', () => undefined);
      onTestFinished(() => void socket.destroy());
    });
    onTestFinished(() => void server.close());
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    const link = await linkTo(`mqtt://127.0.0.1:${port}`);
    await until(() => expect(link.connected).toBe(true));
    const payload = 'x'.repeat(10_000);
    for (let i = 0; i < 3_000; i++)
      link.publish({ topic: 'hedgerow/attic/flows', payload, retain: i % 2 === 0 });
    const { dropped, waiting } = link.health();
    expect(dropped).toBeGreaterThan(1_000);
    expect(waiting).toBeLessThan(5_000_000);
    // No ping is answered: the connection is given up.
    await until(() => expect(link.connected).toBe(false), 12_000);
    expect(link.health().waiting).toBe(0);
  });
});
