import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lanOf } from '../../../../src/local/observe/external/lan-of.ts';
import { ExternalSource } from '../../../../src/local/observe/external/source.ts';
import { noInterfaces } from '../../../../src/local/observe/interfaces.ts';
import type { Packet } from '../../../../src/local/observe/packet.ts';
import type { Reading } from '../../../../src/local/observe/seen.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { CAPTURED, neighbourReport, packetReport } from './datagrams.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const HOLD_MS = 5_000;
const [TV, CAMERA, FAR] = [
  [192, 168, 8, 10],
  [192, 168, 8, 11],
  [203, 0, 113, 20],
];
const interfaces = {
  ...noInterfaces,
  lan: [{ name: 'br-lan', segment: 'attic/br-lan', prefixes: ['192.168.8.0/24', 'fd00:8::/64'] }],
};

let clock: FakeClock;
let exec: ScriptedExec;
let followed: Set<string>;
let packets: Packet[];
let readings: Reading[];
let source: ExternalSource;
let sockets: Socket[];

beforeEach(() => {
  clock = new FakeClock();
  exec = new ScriptedExec((command) => (command === 'socat -V' ? {} : undefined));
  followed = new Set();
  packets = [];
  readings = [];
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await source.stop();
});

async function start(where: { port?: number; socket?: string }): Promise<ExternalSource> {
  source = new ExternalSource({
    exec,
    clock,
    log: silentLog,
    ...where,
    holdMs: HOLD_MS,
    interfaceOf: (address) => lanOf(interfaces, address),
    isFollowed: (address) => followed.has(address),
    onPacket: (packet) => packets.push(packet),
    onReading: (reading) => readings.push(reading),
  });
  await source.start(new AbortController().signal);
  await settle();
  return source;
}

const counters = () => source.health().counters;

/** Waits until the source has seen something that a socket of the real kernel carries to it. */
async function until(there: () => boolean): Promise<void> {
  for (let i = 0; !there(); i++) {
    if (i > 20_000) throw new Error(`never came: ${there}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function client(port = source.port): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: port ?? 0 });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

const ended = (socket: Socket): Promise<unknown> =>
  socket.closed ? Promise.resolve() : once(socket, 'close');

describe('over TCP', () => {
  test('messages become packets and readings', async () => {
    await start({ port: 0 });
    const socket = await client();
    const all = Buffer.concat([...CAPTURED, neighbourReport('02:00:00:00:01:01', TV)]);
    socket.write(all.subarray(0, 500));
    socket.write(all.subarray(500));
    await until(() => counters().neighbours === 1);
    expect(readings).toEqual([
      { kind: 'answer', domain: 'cdn.example.net', chain: [], addresses: ['203.0.113.20'], ttlS: 1_234 },
      {
        kind: 'seen',
        interface: 'br-lan',
        address: '192.168.8.10',
        mac: '02:00:00:00:01:01',
        present: true,
        fresh: true,
      },
    ]);
    expect(packets).toEqual([]);
    await clock.advance(HOLD_MS);
    expect(packets).toHaveLength(12);
    expect(source.health()).toMatchObject({
      name: 'external',
      running: true,
      lastError: undefined,
      counters: { connections: 1, bytes: all.length, answers: 1, questions: 1, packets: 19, ignored: 0 },
    });
  });

  test('a client that says something else is let go; the others go on', async () => {
    await start({ port: 0 });
    const [good, bad] = [await client(), await client()];
    bad.write('GET / HTTP/1.1\r\n\r\n');
    await ended(bad);
    good.write(CAPTURED[7] as Buffer);
    await until(() => counters().answers === 1);
    expect(counters()).toMatchObject({ malformed: 1, connections: 2 });
  });

  test('only so many clients at a time', async () => {
    await start({ port: 0 });
    const clients = await Promise.all(Array.from({ length: 9 }, () => client()));
    await until(() => counters().refused === 1);
    expect(counters().connections).toBe(8);
    clients[0]?.destroy();
    clients[1]?.destroy();
    await until(() => counters().clients === 6);
    const next = await client();
    next.write(CAPTURED[7] as Buffer);
    await until(() => counters().answers === 1);
  });

  test('a client that leaves a message half-said is let go soon, one that says nothing much later', async () => {
    await start({ port: 0 });
    const [silent, half] = [await client(), await client()];
    half.write((CAPTURED[0] as Buffer).subarray(0, 20));
    await until(() => counters().bytes === 20);
    await clock.advance(45_000);
    await ended(half);
    expect(counters().idle).toBe(1);
    await clock.advance(20 * 60_000);
    await ended(silent);
    expect(counters().idle).toBe(2);
  });

  test('a port that is taken is told, and tried again', async () => {
    const first = await start({ port: 0 });
    const port = first.port ?? 0;
    await start({ port });
    expect(source.health()).toMatchObject({ running: false });
    expect(source.health().lastError).toContain(`port ${port} cannot be opened`);
    await first.stop();
    await clock.advance(15_000);
    await until(() => source.health().running);
    expect(source.health().lastError).toBeUndefined();
  });
});

describe('packets that the own kernel follows', () => {
  test('are not counted: neither those of a device that is known to be followed, nor those before it is noticed', async () => {
    await start({ socket: '/run/hedgerow/extsrc.sock' });
    const { stdout } = exec.child('UNIX-RECV');
    stdout.write(packetReport(TV, FAR));
    stdout.write(packetReport(FAR, TV));
    stdout.write(packetReport(CAMERA, FAR));
    await settle();
    followed.add('192.168.8.10');
    await clock.advance(HOLD_MS);
    expect(packets.map(({ src }) => src)).toEqual(['192.168.8.11']);
    expect(counters()).toMatchObject({ packets: 2, followed: 2 });
  });

  test('a stop counts what is held back', async () => {
    await start({ socket: '/run/hedgerow/extsrc.sock' });
    exec.child('UNIX-RECV').stdout.write(packetReport(TV, FAR));
    await settle();
    await source.stop();
    expect(packets).toHaveLength(1);
  });

  test('more than a home has is dropped and counted', async () => {
    await start({ socket: '/run/hedgerow/extsrc.sock' });
    const { stdout } = exec.child('UNIX-RECV');
    for (let i = 0; i < 60; i++)
      stdout.write(Buffer.concat(Array.from({ length: 100 }, () => packetReport(TV, FAR))));
    await settle();
    expect(counters().dropped).toBe(1_000);
    await clock.advance(HOLD_MS + 1_000);
    expect(packets).toHaveLength(5_000);
    stdout.write(packetReport(TV, FAR));
    await settle();
    await clock.advance(HOLD_MS + 100);
    expect(packets).toHaveLength(5_001);
  });
});

describe('over a datagram socket', () => {
  test('socat receives; what it half-said when it ended is forgotten', async () => {
    await start({ socket: '/run/hedge row/ext,src.sock' });
    const first = exec.child('UNIX-RECV');
    expect(first.argv).toEqual([
      'socat',
      '-u',
      '-b',
      '4096',
      'UNIX-RECV:/run/hedge\\ row/ext\\,src.sock,unlink-early,umask=0117',
      'STDOUT',
    ]);
    first.stdout.write((CAPTURED[7] as Buffer).subarray(0, 50));
    await settle();
    first.exit(1);
    await settle();
    await clock.advance(2_000);
    exec.child('UNIX-RECV').stdout.write(CAPTURED[7] as Buffer);
    await settle();
    expect(counters()).toMatchObject({ answers: 1, skipped: 50, ignored: 0 });
    expect(source.health()).toMatchObject({ running: true, restarts: 1 });
  });

  test('rubbish costs itself', async () => {
    await start({ socket: '/run/hedgerow/extsrc.sock' });
    const { stdout, stderr } = exec.child('UNIX-RECV');
    stdout.write(Buffer.alloc(30, 0xff));
    stdout.write(CAPTURED[7] as Buffer);
    stdout.write(neighbourReport('nonsense', TV));
    stdout.write(neighbourReport('02:00:00:00:01:01', FAR));
    stderr.write('2026/11/21 18:00:00 socat[7] E bind: Permission denied\n');
    await settle();
    expect(counters()).toMatchObject({ skipped: 30, answers: 1, ignored: 1, elsewhere: 1, neighbours: 0 });
    expect(source.health().lastError).toContain('Permission denied');
  });

  test('that socat is missing is said, and the port works all the same', async () => {
    exec.set(() => 'missing');
    await start({ socket: '/run/hedgerow/extsrc.sock', port: 0 });
    expect(source.health()).toMatchObject({ running: false });
    expect(source.health().lastError).toContain('socat is not installed');
    expect(exec.children.size).toBe(0);
    const socket = await client();
    socket.write(CAPTURED[7] as Buffer);
    await until(() => counters().answers === 1);
  });
});
