import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { ask, type Status } from '../../lab/ask.ts';
import type { House } from '../../lab/house-api.ts';
import { until } from '../../lab/wait.ts';

/** What must not change whatever somebody sends. */
export interface Calm {
  readonly routers: readonly {
    readonly name: string;
    readonly pid: number | undefined;
    readonly digest: string;
    readonly policies: readonly string[];
    readonly rssMb: number;
    readonly log: string;
  }[];
}

/** Resident memory may grow by so much: what a collector has not got round to. */
const MAX_GROWTH_MB = 40;
const MAX_LOG_BYTES = 200_000;

export async function calm(house: House): Promise<Calm> {
  const routers = house.topology.routers.map(async ({ name }) => {
    const [{ digest, rssMb }, policies, log] = await Promise.all([
      ask<Status>(house, name, 'status'),
      ask<{ id: string }[]>(house, name, 'policies'),
      house.logs(name),
    ]);
    return { name, pid: house.agent(name), digest, policies: policies.map(({ id }) => id), rssMb, log };
  });
  return { routers: await Promise.all(routers) };
}

/**
 * The same agents answer, hold the same policies and agree with each other; they have not grown, logged no fault of their
 * own, and let nobody fill their disk with complaints.
 */
export async function expectUnharmed(house: House, before: Calm): Promise<void> {
  const after = await calm(house);
  expect(new Set(after.routers.map(({ digest }) => digest)).size).toBe(1);
  for (const [index, now] of after.routers.entries()) {
    const then = before.routers[index];
    expect(now.pid, now.name).toBe(then?.pid);
    expect(now.digest, now.name).toBe(then?.digest);
    expect(now.policies, now.name).toEqual(then?.policies);
    const said = now.log.slice(then?.log.length);
    expect(faults(said), now.name).toEqual([]);
    expect(said.length, now.name).toBeLessThan(MAX_LOG_BYTES);
  }
  await until(
    `resident memory to stay within ${MAX_GROWTH_MB} MB`,
    async () => {
      const { routers } = await calm(house);
      return routers.every(({ rssMb }, i) => rssMb - (before.routers[i]?.rssMb ?? 0) < MAX_GROWTH_MB);
    },
    { everyMs: 500 },
  );
}

/** Lines of a log that tell of a fault of the program: errors (pino's level 50 and above), and anything that is no JSON. */
function faults(log: string): string[] {
  return log.split('\n').filter((line) => {
    if (line === '') return false;
    try {
      return Number((JSON.parse(line) as { level?: unknown }).level) >= 50;
    } catch {
      return true;
    }
  });
}

/** So long nothing has come before it is taken to be all, milliseconds. */
const QUIET_MS = 300;
/** So long an answer may take on a machine that is busy, milliseconds. */
const ANSWER_MS = 20_000;

/**
 * Sends these pieces on a connection of its own; answers what came back until it was closed, or nothing more came behind so
 * many lines.
 */
export async function say(
  path: string,
  pieces: readonly (string | Buffer)[],
  { lines }: { lines: number },
): Promise<string> {
  const socket = await open(path);
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (const piece of pieces) {
    if (socket.destroyed) break;
    if (!socket.write(piece)) await Promise.race([drained(socket), closed]);
  }
  const deadline = performance.now() + ANSWER_MS;
  const wanting = () => heard.split('\n').length <= lines && performance.now() < deadline;
  for (let before = -1; (before !== heard.length || wanting()) && !socket.destroyed; ) {
    before = heard.length;
    await Promise.race([sleep(QUIET_MS), closed]);
  }
  socket.destroy();
  return heard;
}

/** Opens so many connections that say nothing; answers how to let them go. */
export async function crowd(path: string, count: number): Promise<() => void> {
  const sockets = await Promise.all(Array.from({ length: count }, () => open(path)));
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.off('error', reject).on('error', () => socket.destroy());
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve));
}

/** Values of every wrong type, for parameters as a whole and for each of them. */
const WRONG: readonly unknown[] = [null, 1, -1, 0.5, '', 'x'.repeat(300), true, [], [[]], {}, { '': 0 }];

/** Requests that no method may take: every method with parameters that are wrong in every way. */
export function wrongRequests(): string[] {
  const keys: Record<string, readonly string[]> = {
    status: ['extra'],
    nodes: ['extra'],
    devices: ['extra'],
    policies: ['extra'],
    peers: ['extra'],
    home: ['extra'],
    flows: ['top'],
    block: ['first', 'second', 'by', 'wait', 'dryRun', 'reason'],
    unblock: ['first', 'second', 'by', 'wait', 'dryRun', 'all'],
    'home.create': ['name', 'by'],
    'home.add': ['peer', 'name', 'admin', 'by'],
    'home.join': ['bundle', 'dropPolicies'],
    constructor: ['x'],
    __proto__: ['x'],
    'home.': ['x'],
  };
  const requests: string[] = [];
  for (const [method, names] of Object.entries({ ...keys, toString: ['x'] })) {
    for (const [id, wrong] of WRONG.entries()) {
      for (const name of names) requests.push(request(id, method, { [name]: wrong, unknown: wrong }));
      if (!isPlain(wrong)) requests.push(request(id, method, wrong));
    }
  }
  return requests;
}

/** An object without keys is what the views take. */
const isPlain = (value: unknown) =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0);

function request(id: unknown, method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

/** A request so deep that a recursive reader would run out of stack. */
export const deepRequest = (depth: number): string =>
  `{"jsonrpc":"2.0","id":1,"method":"block","params":{"first":${'['.repeat(depth)}${']'.repeat(depth)}}}`;

/** Random bytes without a line's end, and with many. */
export const noise = (bytes: number): Buffer => randomBytes(bytes);
