import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Connections } from '../../src/control/connections.ts';
import { Doorway, type Entrance } from '../../src/control/doorway.ts';
import { silentLog } from '../../src/log.ts';
import { Spoiler } from '../property/spoil.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';

const MAX = 100;
/** At a time; the rest of the room is for who is honest. */
const FLOOD = 90;
const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'doorway-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const subject = ['-subj', '/CN=localhost', '-days', '2'];
  const args = ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...subject];
  execFileSync('openssl', args, { stdio: 'ignore' });
});
afterAll(() => rmSync(folder, { recursive: true }));

const echo: Entrance = (socket) => {
  socket.on('data', (data: Buffer) => socket.write(data));
};

async function open(address: string, secure: boolean) {
  const listeners = new Connections(systemClock);
  const tls = secure ? { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') } : undefined;
  const door = new Doorway({
    name: 'test',
    addresses: [address],
    tls,
    maxConnections: MAX,
    listeners,
    clock: systemClock,
    log: silentLog,
    open: async () => echo,
  });
  await door.start(AbortSignal.timeout(10_000));
  const at = door.addresses()[0] ?? '';
  const port = Number(at.split(':').at(-1));
  return {
    door,
    listeners,
    connect: () => (at.startsWith('/') ? connect(at) : connect(port, '127.0.0.1')),
    port,
  };
}

/** Says something, reads nothing of the answer, and goes in one of three ways. */
function visit(socket: Socket, said: Uint8Array, how: number, isTcp: boolean): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => socket.destroy()).on('close', () => resolve());
    if (how === 0) socket.resume().end(said);
    else if (how === 1) socket.write(said, () => socket.destroy());
    else socket.once('connect', () => (isTcp ? socket.resetAndDestroy() : socket.destroy()));
  });
}

/** One honest conversation. */
function converse(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('close', () => resolve());
    socket.once('data', () => socket.destroy()).write('hello');
  });
}

/** What a client of TLS says first (RFC 8446, 4.1.2). */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const hello = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      socket.once('data', (data: Buffer) => {
        resolve(data);
        socket.destroy();
      });
    });
  });
  connectTls({ port, host: '127.0.0.1', servername: 'localhost' }).on('error', () => undefined);
  const said = await hello;
  server.close();
  return said;
}

/** Connections cost more than what is said on them: there are a fifth as many. */
describe('a flood of connections', { timeout: PATIENCE_MS }, () => {
  it.each([
    ['a unix socket', 'door.sock', false, 0.1],
    ['TCP', '127.0.0.1:0', false, 0.05],
    ['TLS', '127.0.0.1:0', true, 0.05],
  ] as const)(
    'on %s is counted and forgotten, and who is honest is served',
    async (_, where, secure, share) => {
      const address = where.endsWith('.sock') ? join(folder, where) : where;
      const world = await open(address, secure);
      try {
        const samples = secure ? [await clientHello()] : [Buffer.from('hello, this is somebody')];
        const spoiler = new Spoiler(SEED);
        const honest = () =>
          converse(
            secure
              ? connectTls({ port: world.port, host: '127.0.0.1', rejectUnauthorized: false })
              : world.connect(),
          );
        const batch = async () => {
          const said = Array.from({ length: FLOOD }, () => spoiler.bytes(samples));
          await Promise.all(
            said.map((bytes) =>
              visit(world.connect(), bytes, spoiler.number(3), address !== join(folder, where)),
            ),
          );
          return FLOOD;
        };
        const count = RUBBISH * share;
        const { answered } = await withstands(honest, batch, { count, pauseMs: 50 });
        await vi.waitFor(() => expect(world.listeners.size).toBe(0), 20_000);
        const [row] = world.listeners.listeners();
        expect(row).toMatchObject({ active: 0 });
        // Those that broke off before they were accepted are not seen at all; nobody was too many but for a moment.
        expect((row?.total ?? 0) + (row?.refused ?? 0)).toBeGreaterThan(count / 2 + answered);
        const many = Array.from({ length: MAX * 3 }, () => world.connect());
        for (const socket of many) socket.on('error', () => socket.destroy());
        const tooMany = () => {
          const [now] = world.listeners.listeners();
          return (now?.refused ?? 0) + (now?.gaveWay ?? 0);
        };
        const before = (row?.refused ?? 0) + (row?.gaveWay ?? 0);
        await vi.waitFor(() => expect(tooMany() - before).toBe(MAX * 2), 20_000);
        for (const socket of many) socket.destroy();
        await vi.waitFor(() => expect(world.listeners.size).toBe(0), 20_000);
        await honest();
      } finally {
        await world.door.stop();
      }
    },
  );
});
