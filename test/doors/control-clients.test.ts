import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { systemClock } from '../../src/clock.ts';
import { type ControlClient, openControl } from '../../src/control/client.ts';
import { Connections } from '../../src/control/connections.ts';
import type { Method } from '../../src/control/offer.ts';
import { ControlServer } from '../../src/control/server.ts';
import { silentLog } from '../../src/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

let folder: string;
let path: string;
let server: ControlServer;
let listeners: Connections;
let sockets: { destroy(): unknown }[];
let state: string;
const clock = new FakeClock();
const big = 'x'.repeat(1_000_000);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'control-'));
  path = join(folder, 'agent.sock');
  listeners = new Connections(clock);
  sockets = [];
  state = 'calm';
  const params = z.strictObject({ text: z.string().optional() });
  const methods = new Map<string, Method>([
    ['echo', { params, run: async (given) => params.parse(given).text }],
    ['status', { params: z.strictObject({}), run: async () => state }],
    ['flows', { params: z.strictObject({}), run: async () => big }],
    ['block', { params: z.strictObject({}), run: async () => 'blocked' }],
  ]);
  server = new ControlServer({ path, methods, log: silentLog, listeners, clock, groupId: 12 });
  await server.start(AbortSignal.timeout(10_000));
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function raw(): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => undefined);
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function client(): Promise<ControlClient> {
  const opened = await openControl(path);
  sockets.push({ destroy: () => opened.close() });
  return opened;
}

function closed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('close', () => resolve(text));
  });
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await what()) && performance.now() < end) await systemClock.sleep(5);
  expect(await what()).toBe(true);
}

/** An honest client comes and is answered each time, within the deadline that it has. */
async function honestIsAnswered(): Promise<void> {
  const honest = await client();
  for (let i = 0; i < 20; i++) expect(await honest.call('echo', { text: 'hello' })).toBe('hello');
  honest.close();
}

describe('the control socket and its clients', () => {
  it('is for a user and a group', () => {
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(statSync(path).gid).toBe(12);
  });

  it('lets 100 idle and 20 slow clients hold up nobody', async () => {
    for (let i = 0; i < 100; i++) await raw();
    const slow = await Promise.all(Array.from({ length: 20 }, raw));
    for (const socket of slow) {
      socket.pause();
      socket.write('{"jsonrpc":"2.0","id":1,"method":"flows"}\n'.repeat(5));
    }
    await honestIsAnswered();
    await clock.advance(24 * 3_600_000);
    expect(listeners.listeners()[0]?.active).toBeGreaterThanOrEqual(120);
    const rows = listeners.page(undefined, 1_000).rows;
    expect(rows.filter((row) => row.state === 'idle').length).toBeGreaterThanOrEqual(100);
    expect(rows.filter((row) => row.state === 'slow')).toHaveLength(20);
  });

  it('lets go of a client that never reads, at its cap', async () => {
    const socket = await raw();
    socket.pause();
    const gone = new Promise((resolve) => socket.once('close', resolve));
    const line = '{"jsonrpc":"2.0","id":1,"method":"flows"}\n';
    socket.write(line.repeat(60));
    await until(() => server.counters.unread === 1);
    socket.resume();
    await gone;
    await honestIsAnswered();
  });

  it('survives 10,000 requests at once and rubbish without end', async () => {
    const flood = await raw();
    flood.write('{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"a"}}\n'.repeat(10_000));
    const rubbish = await raw();
    rubbish.write(Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 256)));
    const brackets = await raw();
    brackets.write(`${'['.repeat(250_000)}\n`);
    const endless = await raw();
    const answer = closed(endless);
    endless.write(big);
    expect(await answer).toContain('longer than');
    await honestIsAnswered();
    expect(server.counters.refusedRequests).toBeGreaterThan(0);
  });

  it('answers many requests of one connection, each once', async () => {
    const one = await client();
    const asked = Array.from({ length: 60 }, (_, i) => String(i));
    expect(await Promise.all(asked.map((text) => one.call('echo', { text })))).toEqual(asked);
  });

  it('lets go of half a line after a minute, and of nobody else', async () => {
    const [half, idle] = [await raw(), await raw()];
    const answer = closed(half);
    half.write('{"jsonrpc":');
    idle.write('{"jsonrpc":"2.0","id":1,"method":"status"}\n');
    await new Promise((resolve) => idle.once('data', resolve));
    const [first] = listeners.page(undefined, 1).rows;
    expect(first?.bytesReceived).toBe(11);
    await clock.advance(59_000);
    expect(server.counters.halfLines).toBe(0);
    await clock.advance(1_000);
    expect(await answer).toContain('not ended within 60 s');
    expect(idle.destroyed).toBe(false);
    await honestIsAnswered();
  });

  it('has room for 256: who comes then gets the place of whom nothing is lost, who is told', async () => {
    const status = '{"jsonrpc":"2.0","id":1,"method":"status"}\n';
    const all = await Promise.all(Array.from({ length: 256 }, raw));
    await until(() => listeners.listeners()[0]?.active === 256);
    await clock.advance(1_000);
    // The first has asked since, so the second has been idle for longest.
    all[0]?.write(status);
    await new Promise((resolve) => all[0]?.once('data', resolve));
    const [first, second] = [all[0], all[1]].map((socket) => closed(socket as Socket));
    const honest = await client();
    expect(await honest.call('echo', { text: 'hello' })).toBe('hello');
    expect(JSON.parse((await second) ?? '')).toMatchObject({
      error: { message: expect.stringContaining('too many connections') },
    });
    expect(listeners.listeners()).toMatchObject([{ total: 257, refused: 0, gaveWay: 1 }]);
    all[0]?.write(status);
    expect(all[0]?.destroyed).toBe(false);
    all[0]?.end();
    expect(await first).toContain('calm');
    await honestIsAnswered();
  });

  it('is tried again by who finds more waiting than the agent takes up at a time', async () => {
    const crowded = createServer((socket) => sockets.push(socket));
    const where = join(folder, 'crowded.sock');
    await new Promise<void>((resolve) => crowded.listen({ path: where, backlog: 1 }, resolve));
    const refused = vi.fn();
    for (let i = 0; i < 20; i++) sockets.push(connect(where).on('error', refused));
    const opened = await openControl(where);
    opened.close();
    // Whoever does not try again gets EAGAIN.
    expect(refused).toHaveBeenCalled();
    crowded.close();
  });

  it('has 192 places for who follows, so that who asks gets in', async () => {
    const follow = '{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"view":"status"}}\n';
    const followers = await Promise.all(Array.from({ length: 256 }, raw));
    const answers = followers.map(
      (socket) => new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data)))),
    );
    for (const socket of followers) socket.write(follow);
    const refused = (await Promise.all(answers)).filter((text) => text.includes('too many subscriptions'));
    expect(refused).toHaveLength(64);
    await honestIsAnswered();
    expect(listeners.page(undefined, 1_000).rows.filter(({ state }) => state === 'following')).toHaveLength(
      192,
    );
  });

  it('tells subscribers how a view looks whenever that changes', async () => {
    const follower = await client();
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      const options = { everyMs: 250, signal: stop.signal };
      for await (const view of follower.subscribe<string>('status', {}, options)) seen.push(view);
    })();
    await until(async () => {
      await clock.advance(0);
      return seen.length === 1;
    });
    expect(listeners.page(undefined, 1).rows).toMatchObject([
      { state: 'following', purpose: 'follows status' },
    ]);
    await clock.advance(1_000);
    state = 'stormy';
    await until(async () => {
      await clock.advance(250);
      return seen.length === 2;
    });
    expect(seen).toEqual(['calm', 'stormy']);
    stop.abort();
    await following;
    expect(await follower.call('echo', { text: 'still here' })).toBe('still here');
  });

  it('has no subscriptions to what changes something, and says what can be subscribed to', async () => {
    const follower = await client();
    const options = { everyMs: 250, signal: AbortSignal.timeout(5_000) };
    const first = async (view: string, params = {}) => await follower.subscribe(view, params, options).next();
    await expect(first('block')).rejects.toMatchObject({
      name: 'UsageError',
      hint: expect.stringContaining('status'),
    });
    await expect(first('status', { wrong: 1 })).rejects.toMatchObject({ name: 'UsageError' });
    await expect(follower.call('subscribe', { view: 'status', everyMs: 1 })).rejects.toMatchObject({
      name: 'UsageError',
    });
    await expect(follower.call('unsubscribe', { subscription: 77 })).resolves.toEqual({ removed: false });
  });

  it('tells a subscriber that the agent goes', async () => {
    const follower = await client();
    const news = follower.subscribe('status', {}, { everyMs: 250, signal: AbortSignal.timeout(10_000) });
    const first = news.next();
    await until(async () => {
      await clock.advance(0);
      return (await Promise.race([first, 'not yet'])) !== 'not yet';
    });
    await server.stop();
    await expect(news.next()).rejects.toMatchObject({ name: 'UnavailableError' });
  });
});
