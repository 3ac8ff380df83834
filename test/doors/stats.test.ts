import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openControl } from '../../src/control/client.ts';
import { Connections } from '../../src/control/connections.ts';
import type { Counted, Listener } from '../../src/control/listeners.ts';
import { LoopDelay } from '../../src/control/loop-delay.ts';
import { methodsOf } from '../../src/control/methods.ts';
import { ControlServer } from '../../src/control/server.ts';
import type { ConnectionRow, ConnectionsView, StatsView } from '../../src/control/views/statistics.ts';
import type { Enforcer } from '../../src/local/enforce/enforcer.ts';
import type { Observer } from '../../src/local/observer.ts';
import { silentLog } from '../../src/log.ts';
import { fakeParts } from '../support/parts.ts';

const ENTRY = join(import.meta.dirname, '../../src/cli/entry.ts');
const execute = promisify(execFile);

/** A connection of a test. */
class FakeSocket implements Counted {
  bytesRead = 7;
  bytesWritten = 11;
  #closed: () => void = () => undefined;

  once(_: 'close', run: () => void): void {
    this.#closed = run;
  }

  close(): void {
    this.#closed();
  }
}

let folder: string;
let server: ControlServer;
let listener: Listener;
let children: ChildProcess[] = [];
const connections = new Connections(systemClock);
const loopDelay = new LoopDelay(systemClock);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-stats-'));
  const path = join(folder, 'sock');
  writeFileSync(join(folder, 'config.yaml'), `control: {socket: ${path}}`);
  await loopDelay.start();
  const parts = fakeParts();
  const observer = {
    health: () => ({
      outside: { frames: 3 },
      sources: [{ name: 'leases', running: true, restarts: 0, counters: { lines: 12 } }],
    }),
  } as unknown as Observer;
  const enforcer = { health: () => ({ failures: 0, driftRepairs: 2 }) } as unknown as Enforcer;
  const network = {
    ...parts.network,
    stats: () => ({ 'gossip.accepted': 5 }),
  } as unknown as typeof parts.network;
  const methods = methodsOf({ ...parts, connections, loopDelay, observer, enforcer, network });
  server = new ControlServer({ path, methods, log: silentLog, listeners: connections });
  await server.start(AbortSignal.timeout(5_000));
  listener = connections.open('mqtt', '127.0.0.1:1883');
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
});

afterAll(async () => {
  await server.stop();
  await loopDelay.stop();
  rmSync(folder, { recursive: true });
});

const env = () => ({ ...process.env, HEDGEROW_CONFIG: join(folder, 'config.yaml') });

async function hedgerow(...words: string[]): Promise<string> {
  const options = { env: env(), timeout: 30_000, maxBuffer: 100 * 1024 * 1024 };
  return (await execute(process.execPath, [ENTRY, ...words], options)).stdout;
}

async function until(what: () => boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!what() && performance.now() < end) await systemClock.sleep(20);
  expect(what()).toBe(true);
}

describe('hedgerow stats and connections', () => {
  it('tell of listeners and the process', async () => {
    const text = await hedgerow('stats');
    expect(text).toMatch(/^LISTENER +ADDRESS +ACTIVE/);
    expect(text).toContain('control');
    expect(text).toContain('driftRepairs 2');
    expect(text).toContain('gossip.accepted 5');
    const view = JSON.parse(await hedgerow('stats', '--json')) as StatsView;
    expect(view.listeners.map(({ name }) => name)).toEqual(['control', 'mqtt']);
    expect(view.listeners[0]).toMatchObject({ active: 1, refused: 0 });
    expect(view.process.rssBytes).toBeGreaterThan(1e7);
    expect(view.process.loopDelayMs?.p50).toBeGreaterThanOrEqual(0);
    expect(view.process.loopDelayMs?.p50).toBeLessThan(100);
    expect(view.counters['source leases']).toEqual({ lines: 12, restarts: 0 });
    expect(await hedgerow('stats', '--csv')).toMatch(/^listener,address,active,.*\r\ncontrol,\//);
  });

  it('list all connections, however many', async () => {
    const sockets = Array.from({ length: 12_000 }, () => new FakeSocket());
    for (const socket of sockets) listener.follow(socket, '192.0.2.1:5').purpose = 'subscriber tablet';
    const rows = JSON.parse(await hedgerow('connections', '--json')) as ConnectionRow[];
    expect(rows.filter(({ listener: name }) => name === 'mqtt')).toHaveLength(12_000);
    expect(new Set(rows.map(({ number }) => number)).size).toBe(rows.length);
    expect(rows.find(({ listener: name }) => name === 'mqtt')).toMatchObject({
      state: 'open',
      address: '192.0.2.1:5',
      bytesReceived: 7,
      bytesSent: 11,
      purpose: 'subscriber tablet',
    });
    const csv = await hedgerow('connections', 'mqtt', '--csv');
    expect(csv.trim().split('\r\n')).toHaveLength(12_001);
    for (const socket of sockets) socket.close();
    expect(await hedgerow('connections', 'mqtt')).toBe('nobody is connected\n');
  });

  it('page with a cursor that is theirs to keep', async () => {
    const client = await openControl(join(folder, 'sock'));
    const sockets = Array.from({ length: 30 }, () => new FakeSocket());
    for (const socket of sockets) listener.follow(socket, 'x');
    const seen: number[] = [];
    let cursor: ConnectionsView['next'];
    do {
      const params = { top: 4, listener: 'mqtt', ...(cursor === undefined ? {} : { cursor }) };
      const page = await client.call<ConnectionsView>('connections', params);
      seen.push(...page.connections.map(({ number }) => number));
      sockets.pop()?.close();
      const late = new FakeSocket();
      listener.follow(late, 'late');
      sockets.unshift(late);
      cursor = page.next;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.length).toBeLessThan(30);
    for (const socket of sockets) socket.close();
    client.close();
  });

  it('go on telling with --watch, by a subscription, until they are stopped', async () => {
    const child = spawn(process.execPath, [ENTRY, 'stats', '--watch', '--json'], { env: env() });
    children.push(child);
    let out = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    const told = () =>
      out
        .trim()
        .split('\n')
        .filter((line) => line.includes('"mqtt"'));
    await until(() => told().length === 1);
    const rows = connections.page(undefined, 10, 'control').rows;
    expect(rows).toMatchObject([{ state: 'following', purpose: 'follows stats' }]);
    const socket = new FakeSocket();
    listener.follow(socket, 'x');
    await until(() => told().length === 2);
    expect(JSON.parse(told()[1] ?? '')).toMatchObject({ name: 'mqtt', active: 1 });
    socket.close();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    await until(() => connections.page(undefined, 10, 'control').rows.length === 0);
  });
});
