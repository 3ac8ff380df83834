import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, get } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Connections } from '../../src/control/connections.ts';
import { Doorway, type DoorwayOptions, type Entrance } from '../../src/control/doorway.ts';
import { silentLog } from '../../src/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

let folder: string;
let doors: Doorway[] = [];
let others: { destroy(): unknown }[] = [];
const connections = () => new Connections(systemClock);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'doorway-'));
});

afterEach(async () => {
  for (const other of others) other.destroy();
  await Promise.all(doors.map((door) => door.stop()));
  rmSync(folder, { recursive: true });
  doors = [];
  others = [];
});

/** Says what it was told where the connection came in, then what it hears. */
const echo: Entrance = (socket, _, at) => {
  socket.write(`${at.loopback} ${at.secure}\n`);
  socket.on('data', (data) => socket.write(data));
};

async function door(options: Partial<DoorwayOptions>): Promise<Doorway> {
  const made = new Doorway({
    name: 'test',
    addresses: ['127.0.0.1:0'],
    maxConnections: 100,
    listeners: connections(),
    clock: systemClock,
    log: silentLog,
    open: async () => echo,
    ...options,
  });
  doors.push(made);
  await made.start(AbortSignal.timeout(10_000));
  return made;
}

function port(made: Doorway): number {
  return Number(made.addresses()[0]?.split(':').at(-1));
}

function client(to: number | string): Socket {
  const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1');
  socket.on('error', () => undefined);
  others.push(socket);
  return socket;
}

/** All that comes until `enough` of it is there, or the end. */
function heard(socket: Socket, enough: (text: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (data) => {
      text += data;
      if (enough(text)) resolve(text);
    });
    socket.on('close', () => resolve(text));
  });
}

async function until(what: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!what() && performance.now() < end) await systemClock.sleep(5);
  expect(what()).toBe(true);
}

function certificate(): { cert: string; key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const subject = ['-subj', '/CN=localhost', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  });
  return { cert, key };
}

describe('a doorway', () => {
  it('hands over TCP connections and counts them', async () => {
    const listeners = connections();
    const made = await door({ listeners });
    const socket = client(port(made));
    socket.write('hello\n');
    expect(await heard(socket, (text) => text.includes('hello'))).toBe('true false\nhello\n');
    const { rows } = listeners.page(undefined, 10);
    expect(rows).toMatchObject([{ listener: 'test', state: 'open', bytesReceived: 6, bytesSent: 17 }]);
    socket.destroy();
    await until(() => listeners.size === 0);
    expect(listeners.listeners()).toMatchObject([{ active: 0, total: 1, bytesReceived: 6, bytesSent: 17 }]);
  });

  it('speaks TLS, and lets nobody wait for a handshake that fails', async () => {
    const listeners = connections();
    const made = await door({ tls: certificate(), listeners });
    const rubbish = client(port(made));
    rubbish.write('GET / HTTP/1.0\r\n\r\n');
    await heard(rubbish);
    const ca = readFileSync(join(folder, 'cert.pem'));
    const socket = connectTls({ port: port(made), host: '127.0.0.1', ca, servername: 'localhost' });
    others.push(socket);
    socket.write('hello\n');
    expect(await heard(socket, (text) => text.includes('hello'))).toBe('true true\nhello\n');
    const [row] = listeners.page(undefined, 10).rows;
    expect(row).toMatchObject({ state: 'open' });
    expect(row?.bytesReceived).toBeGreaterThan(200);
    const begin = performance.now();
    await made.stop();
    expect(performance.now() - begin).toBeLessThan(1_000);
    await until(() => listeners.size === 0);
  });

  it('takes a certificate that was renewed, and keeps the old one when the new one is rubbish', async () => {
    const clock = new FakeClock();
    const files = certificate();
    const made = await door({ tls: files, clock });
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls({ port: port(made), host: '127.0.0.1', rejectUnauthorized: false });
        others.push(socket);
        socket.on('error', reject);
        socket.on('secureConnect', () => resolve(socket.getPeerCertificate().fingerprint256));
      });
    const first = await shown();
    writeFileSync(files.cert, 'rubbish');
    utimesSync(files.cert, 1, 1);
    await clock.advance(60_000);
    expect(await shown()).toBe(first);
    expect(made.problems()[0]).toContain('cannot be used');
    certificate();
    utimesSync(files.cert, 2, 2);
    await clock.advance(60_000);
    expect(await shown()).not.toBe(first);
    expect(made.problems()).toEqual([]);
  });

  it('listens on a unix socket for its user and a group', async () => {
    const path = join(folder, 'sub', 'door.sock');
    const made = await door({ addresses: [path], tls: { cert: '/none', key: '/none' }, groupId: 12 });
    expect(made.problems()).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(statSync(path).gid).toBe(12);
    expect(await heard(client(path), (text) => text.includes('\n'))).toBe('true false\n');
    const second = await door({ addresses: [path] });
    expect(second.problems()[0]).toContain('already running');
  });

  it('takes an address that becomes free, and tells meanwhile that it is not', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = `127.0.0.1:${(taken.address() as { port: number }).port}`;
    const clock = new FakeClock();
    const made = await door({ addresses: [address, '127.0.0.1:0'], clock });
    expect(made.problems()).toHaveLength(1);
    expect(made.problems()[0]).toContain(address);
    expect(made.addresses()).toHaveLength(1);
    await new Promise<void>((resolve) => taken.close(() => resolve()));
    await clock.advance(5_000);
    await until(() => made.addresses().length === 2);
    expect(made.problems()).toEqual([]);
  });

  it('does not listen while it may not, and stops when it may not any more', async () => {
    let why: string | undefined = 'no password is set';
    const clock = new FakeClock();
    const made = await door({ clock, refuses: () => why });
    expect(made.problems()).toEqual(['no password is set']);
    why = undefined;
    await clock.advance(5_000);
    await until(() => made.addresses().length === 1);
    why = 'no password is set';
    expect(await heard(client(port(made)))).toBe('');
    expect(made.addresses()).toEqual([]);
    expect(made.problems()).toEqual(['no password is set']);
  });

  it('has room for so many', async () => {
    const listeners = connections();
    const made = await door({ maxConnections: 3, listeners });
    const inside = [1, 2, 3].map(() => client(port(made)));
    await Promise.all(inside.map((socket) => heard(socket, (text) => text !== '')));
    expect(await heard(client(port(made)))).toBe('');
    expect(listeners.listeners()).toMatchObject([{ active: 3, total: 3, refused: 1 }]);
    inside[0]?.destroy();
    await until(() => listeners.size === 2);
    expect(await heard(client(port(made)), (text) => text !== '')).toBe('true false\n');
  });

  it('is full of who is at rest, or too slow, for nobody', async () => {
    const clock = new FakeClock();
    const listeners = new Connections(clock);
    const told: { state: string }[] = [];
    const open = async (): Promise<Entrance> => (socket, connection) => {
      told.push(connection);
      socket.write('in\n');
    };
    const made = await door({ maxConnections: 3, listeners, open, clock });
    const enter = async () => {
      const socket = client(port(made));
      await heard(socket, (text) => text !== '');
      return socket;
    };
    const [first, second, third] = [await enter(), await enter(), await enter()];
    for (const [index, state] of ['following', 'slow', 'asking'].entries()) {
      (told[index] as { state: string }).state = state;
    }
    expect(await heard(client(port(made)))).toBe('');
    await clock.advance(20_000);
    const ended = [second, third].map((socket) => heard(socket));
    await enter();
    await ended[0];
    await enter();
    await ended[1];
    expect(first.destroyed).toBe(false);
    expect(listeners.listeners()).toMatchObject([{ total: 5, refused: 1, gaveWay: 2 }]);
  });

  it('loads once, however many come meanwhile, loses nothing of what they say, and forgets who went', async () => {
    const listeners = connections();
    let loads = 0;
    let ready: (entrance: Entrance) => void = () => undefined;
    const open = () => {
      loads += 1;
      return new Promise<Entrance>((resolve) => {
        ready = resolve;
      });
    };
    const made = await door({ listeners, open });
    const [stays, goes] = [client(port(made)), client(port(made))];
    stays.write('early\n');
    await until(() => listeners.size === 2);
    expect(listeners.page(undefined, 10).rows).toMatchObject([{ state: 'waiting' }, { state: 'waiting' }]);
    goes.destroy();
    await until(() => listeners.size === 1);
    let entered = 0;
    ready((...given) => {
      entered += 1;
      echo(...given);
    });
    expect(await heard(stays, (text) => text.includes('early'))).toBe('true false\nearly\n');
    expect([loads, entered]).toEqual([1, 1]);
  });

  it('gives an HTTP server a request that came while it was loaded', async () => {
    const http = createHttpServer((_, response) => response.end('there'));
    const made = await door({
      open: async () => {
        await systemClock.sleep(50);
        return (socket) => void http.emit('connection', socket);
      },
    });
    const body = await new Promise<string>((resolve, reject) => {
      get({ port: port(made), host: '127.0.0.1', agent: false }, (response) => {
        response.on('data', (data) => resolve(String(data)));
      }).on('error', reject);
    });
    expect(body).toBe('there');
  });

  it('tries again to load what could not be loaded, and survives what throws', async () => {
    let loads = 0;
    const made = await door({
      open: async () => {
        loads += 1;
        if (loads === 1) throw new Error('no such module');
        return (socket, connection, at) => {
          if (loads === 2) {
            loads += 1;
            throw new Error('broken');
          }
          echo(socket, connection, at);
        };
      },
    });
    expect(await heard(client(port(made)))).toBe('');
    expect(made.problems()[0]).toContain('no such module');
    expect(await heard(client(port(made)))).toBe('');
    expect(await heard(client(port(made)), (text) => text !== '')).toBe('true false\n');
    expect(made.problems()).toEqual([]);
  });

  it('stops within a second with connections open, and closes them', async () => {
    const made = await door({});
    const sockets = Array.from({ length: 50 }, () => client(port(made)));
    await Promise.all(sockets.map((socket) => heard(socket, (text) => text !== '')));
    const closed = sockets.map((socket) => heard(socket));
    const begin = performance.now();
    await made.stop();
    expect(performance.now() - begin).toBeLessThan(1_000);
    await Promise.all(closed);
    await made.stop();
  });
});
