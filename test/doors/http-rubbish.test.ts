import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { Spoiler } from '../property/spoil.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';
import { spinHouse } from '../unit/mqtt/spin/spin-house.ts';
import { openWorld, PASSWORD, type World } from './http-world.ts';

/** Requests behind one another on a connection, and connections at a time. */
const REQUESTS = 50;
const CONNECTIONS = 4;
const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;

const PATHS = [
  ...['/', '/index.html', '/hedgerow/', '/assets/app.js', '/spin_graph/', '/spin_graph/app.js?v=1'],
  ...['/api/rpc', '/api/login', '/api/logout', '/api/session', '/metrics?devices=1', '/healthz', '/mqtt'],
  ...['/spin_api/jsonrpc', '/spin_api/jsonrpc/', '/../../etc/passwd', '/%2e%2e%2fsecret', '/%zz', '*'],
];
const FITTING = [
  ...['POST /api/rpc', 'POST /api/rpc', 'POST /spin_api/jsonrpc', 'POST /api/login', 'POST /api/logout'],
  ...['GET /metrics', 'GET /spin_graph/app.js', 'GET /api/session', 'HEAD /assets/app.js', 'GET /'],
];
const METHODS = ['GET', 'POST', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'];
const BODIES = [
  '{"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":[1,2,{"b":null}]}}',
  '{"jsonrpc":"2.0","id":"x","method":"change","params":{"what":"tv","by":"anna"}}',
  '{"jsonrpc":"2.0","method":"change","params":["tv"]}',
  '[{"jsonrpc":"2.0","id":1,"method":"echo"}]',
  '{"jsonrpc":"2.0","id":2,"method":"set_flow_block","params":{"node1":1,"node2":2,"block":1}}',
  '{"jsonrpc":"2.0","id":3,"method":"list_device_flows","params":{"device":"02:00:00:00:08:0a"}}',
  '{"password":"wrong","name":"Eve"}',
  `{"a":${'['.repeat(5_000)}`,
  `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"__proto__":{"x":1},"constructor":"y"}}`,
  '',
];
/** Values of headers that something here looks at. */
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  [
    'Content-Type',
    ['application/json', 'application/json; charset=x', 'text/plain', 'multipart/form-data', ''],
  ],
  ['Origin', ['http://localhost', 'http://evil.example', 'null', 'http://[::1', 'file://']],
  ['Cookie', ['hedgerow=x', `hedgerow=${'A'.repeat(43)}`, 'hedgerow=%zz; a=b; ;=', '=']],
  ['Authorization', ['Basic YW55Ondyb25n', 'Basic ====', 'Bearer x', 'Basic']],
  ['Sec-Fetch-Site', ['same-origin', 'cross-site', 'none', '']],
  ['Accept', ['text/html', '*/*', 'text/html;q=x']],
  ['Accept-Encoding', ['gzip', 'gzip;q=0', ', ,br', '*']],
  ['If-None-Match', ['"x"', 'W/', '*']],
  ['If-Modified-Since', ['Sat, 21 Nov 2026 00:00:00 GMT', 'never']],
  ['Range', ['bytes=0-1', 'bytes=-', 'bytes=9-1,2-', 'lines=1-2']],
  ['X-Forwarded-For', ['127.0.0.1', '::1, x']],
  ['Sec-WebSocket-Protocol', ['mqtt', 'chat']],
];

/** A request that is framed as it should be, so that the next one on the connection is looked at too. */
function request(spoiler: Spoiler, cookie: string | undefined): Buffer {
  const spoilt = (text: string) =>
    spoiler.number(2) === 0 ? text : Buffer.from(spoiler.bytes([Buffer.from(text)])).toString('latin1');
  const path = spoilt(spoiler.pick(PATHS))
    .replaceAll(/[^\x21-\x7e]/g, '%c3')
    .replace(/^[^/*]*/, '/');
  // Half of them are right but for their headers and bodies, so that they come further in.
  const lines = [
    `${spoiler.number(2) === 0 ? spoiler.pick(FITTING) : `${spoiler.pick(METHODS)} ${path}`} HTTP/1.1`,
  ];
  const host = spoiler.number(8) > 0 ? 'localhost' : spoilt('[::1]:80').replaceAll(/[^\x21-\x7e]/g, '');
  lines.push(`Host: ${host}`);
  if (cookie !== undefined && spoiler.number(2) === 0) lines.push(`Cookie: ${cookie}`);
  if (spoiler.number(4) > 0) lines.push('Content-Type: application/json');
  for (let more = spoiler.number(4); more > 0; more--) {
    const [name, values] = spoiler.pick(HEADERS);
    if (name === 'Content-Type' && lines.length > 3) continue;
    lines.push(`${name}: ${spoilt(spoiler.pick(values)).replaceAll(/[^\x20-\x7e\x80-\xff]/g, '?')}`);
  }
  const text = spoiler.pick(BODIES);
  const body = spoiler.number(2) === 0 ? Buffer.from(text) : spoiler.bytes([Buffer.from(text)]);
  if (body.length > 0 && spoiler.number(4) === 0) {
    const head = `${lines.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), body, Buffer.from('\r\n0\r\n\r\n')]);
  }
  const head = `${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

describe('rubbish over HTTP', () => {
  let world: World;
  let folder: string;
  const faults: unknown[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hedgerow-files-'));
    for (const name of ['page/assets', 'mount/spin_graph'])
      mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'secret'), 'secret');
    writeFileSync(join(folder, 'page/index.html'), 'page');
    writeFileSync(join(folder, 'page/assets/app.js'), 'app');
    writeFileSync(join(folder, 'mount/spin_graph/app.js'), 'app');
    const house = spinHouse({ policies: 200, changesPerHour: 100, burst: 100 });
    world = await openWorld({
      page: join(folder, 'page'),
      mount: join(folder, 'mount'),
      spin: house.rpc,
      mqtt: (stream) => void stream.resume(),
      limits: { requestsPerMinute: 1e9, requestsPerConnection: 1e9, headersMs: 2_000, requestMs: 3_000 },
      // The answer to a wrong password waits for up to 4 s.
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) },
      log: { ...silentLog, error: (fields, message) => void faults.push({ ...fields, message }) },
    });
  });
  afterAll(async () => {
    await world.end();
    rmSync(folder, { recursive: true });
  });
  const spoiler = new Spoiler(SEED);
  const honest = async () => expect((await world.ask({ path: '/healthz' })).status).toBe(200);
  const last = Buffer.from('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const told = new Map<string, number>();

  /** @returns how many of them were answered: what is not HTTP ends the connection */
  async function converse(cookie: string | undefined): Promise<number> {
    const sent = Array.from({ length: REQUESTS }, () => request(spoiler, cookie));
    const heard = await world.raw(Buffer.concat([...sent, last]));
    expect(heard).not.toContain('\r\n\r\nsecret');
    const answers = heard.match(/HTTP\/1\.1 \d{3} /g) ?? [];
    for (const answer of answers) told.set(answer.slice(9, 12), (told.get(answer.slice(9, 12)) ?? 0) + 1);
    // Hung up on or not, the first was answered.
    expect(answers.length).toBeGreaterThan(0);
    return Math.min(answers.length, REQUESTS);
  }
  const batch = (cookie?: string) => async () => {
    const answered = await Promise.all(Array.from({ length: CONNECTIONS }, () => converse(cookie)));
    return answered.reduce((sum, one) => sum + one);
  };

  it('in bytes is hung up on', { timeout: PATIENCE_MS }, async () => {
    const samples = Array.from({ length: 200 }, () => request(spoiler, undefined));
    const send = () =>
      new Promise<void>((resolve) => {
        const socket = connect(world.port, '127.0.0.1');
        socket.on('error', () => socket.destroy());
        socket.on('close', () => resolve()).resume();
        socket.end(Buffer.concat([1, 2, 3].map(() => spoiler.bytes(samples))));
      });
    const some = async () => {
      await Promise.all(Array.from({ length: 50 }, send));
      return 150;
    };
    await withstands(honest, some, { count: RUBBISH / 10 });
    expect(faults).toEqual([]);
  });

  it('in requests is answered, each of them, by who sits at the router', {
    timeout: PATIENCE_MS,
  }, async () => {
    await withstands(honest, batch(), { count: (RUBBISH * 9) / 20 });
    expect(faults).toEqual([]);
    expect([...told.keys()]).toEqual(
      expect.arrayContaining(['200', '400', '403', '404', '405', '415', '421']),
    );
    expect([...told.keys()].filter((status) => status >= '500')).toEqual([]);
  });

  it('is no password and no session, and does not end one', { timeout: PATIENCE_MS }, async () => {
    await world.password.set(PASSWORD);
    const cookie = await world.login('Anna');
    // More wrong passwords than may be tried: the others are not looked at.
    await withstands(honest, batch(cookie), { count: (RUBBISH * 9) / 20 });
    expect(faults).toEqual([]);
    expect(told.get('401')).toBeGreaterThan(100);
    expect(told.get('429')).toBeGreaterThan(10);
    expect(world.door().counters().passwordsRefused).toBeGreaterThan(10);
    expect((await world.rpc('echo', 1)).status).toBe(401);
    expect([...told.keys()].filter((status) => status >= '500' && status !== '503')).toEqual([]);
  });
});
