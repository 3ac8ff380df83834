import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { systemClock } from '../../src/clock.ts';
import { Doorway } from '../../src/control/doorway.ts';
import { type HttpDoor, type HttpOptions, openHttp } from '../../src/control/http/door.ts';
import type { Connection, Listeners } from '../../src/control/listeners.ts';
import { needsPassword } from '../../src/control/needs-password.ts';
import type { Method } from '../../src/control/offer.ts';
import { PasswordFile } from '../../src/control/password.ts';
import { silentLog } from '../../src/log.ts';

export const PASSWORD = 'seven horses swim';

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly tls?: boolean;
  readonly host?: string;
}

/** A web server behind a doorway on loopback, with commands that tell what reached them. */
export interface World {
  readonly port: number;
  readonly folder: string;
  readonly password: PasswordFile;
  readonly doorway: Doorway;
  readonly connections: Connection[];
  door(): HttpDoor;
  ask(what: Ask): Promise<Answer>;
  /** Sends bytes as they are, and answers with all that comes back until the connection closes. */
  raw(...parts: readonly (string | Buffer)[]): Promise<string>;
  rpc(method: string, params?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Logs in. @returns the cookie */
  login(name?: string): Promise<string>;
  end(): Promise<void>;
}

const methods = new Map<string, Method>([
  ['echo', { params: z.unknown(), run: async (params) => params }],
  [
    'change',
    {
      params: z.object({ by: z.string().default('unknown'), what: z.string() }),
      run: async (params) => params,
    },
  ],
  [
    'break',
    {
      params: z.unknown(),
      run: async () => {
        throw new Error('the inside of it');
      },
    },
  ],
]);

export async function openWorld(
  options: Partial<HttpOptions> & {
    readonly listen?: readonly string[];
    readonly cert?: { readonly cert: string; readonly key: string };
  } = {},
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-http-'));
  const password = new PasswordFile(join(folder, 'password'), systemClock);
  const connections: Connection[] = [];
  const listeners: Listeners = {
    open: () => ({
      follow: () => {
        const connection = { state: '', purpose: '' };
        connections.push(connection);
        return connection;
      },
      refused: () => undefined,
      gaveWay: () => undefined,
      close: () => undefined,
    }),
  };
  let opened: HttpDoor | undefined;
  const doorway = new Doorway({
    name: 'http',
    addresses: options.listen ?? ['127.0.0.1:0'],
    tls: options.cert,
    maxConnections: 200,
    listeners,
    clock: systemClock,
    log: silentLog,
    refuses: needsPassword(password),
    open: async () => {
      opened = await openHttp({
        methods,
        password,
        names: ['attic'],
        anonymous: { loopback: 'read', network: 'none' },
        health: () => ({ ok: true, word: 'ok' }),
        metrics: async (devices) => `hedgerow_up 1\n${devices ? 'hedgerow_device_bytes 1\n' : ''}`,
        openMetrics: false,
        clock: systemClock,
        log: silentLog,
        ...options,
      });
      return opened.entrance;
    },
  });
  await doorway.start(AbortSignal.timeout(20_000));
  const port = Number(doorway.addresses()[0]?.split(':').at(-1));

  const world: World = {
    port,
    folder,
    password,
    doorway,
    connections,
    door() {
      if (opened === undefined) throw new Error('nobody has come yet');
      return opened;
    },
    ask: ({ method = 'GET', path, headers = {}, body, tls = false, host = '127.0.0.1' }) =>
      new Promise((resolve, reject) => {
        const request = (tls ? secure : plain)(
          { host, port, method, path, headers, agent: false, ...(tls ? { rejectUnauthorized: false } : {}) },
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('error', reject);
            response.on('end', () =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                text: Buffer.concat(chunks).toString('utf8'),
              }),
            );
          },
        );
        request.on('error', reject);
        request.end(body);
      }),
    raw: (...parts) =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');
        let text = '';
        socket.setEncoding('latin1').on('data', (chunk) => {
          text += chunk;
        });
        // A reset is an end as well.
        socket.on('error', () => socket.destroy());
        socket.on('close', () => resolve(text));
        for (const part of parts) socket.write(part);
      }),
    rpc: (method, params, headers = {}) =>
      world.ask({
        method: 'POST',
        path: '/api/rpc',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      }),
    async login(name) {
      const { status, headers } = await world.ask({
        method: 'POST',
        path: '/api/login',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ password: PASSWORD, name }),
      });
      if (status !== 200) throw new Error(`login: ${status}`);
      return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    },
    async end() {
      await opened?.close();
      await doorway.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return world;
}
