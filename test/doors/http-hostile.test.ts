import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../src/log.ts';
import { openWorld, PASSWORD, type World } from './http-world.ts';

describe('a hostile client', () => {
  let world: World;
  const faults: unknown[] = [];
  beforeAll(async () => {
    world = await openWorld({
      log: { ...silentLog, error: (fields, message) => void faults.push({ ...fields, message }) },
      limits: { headersMs: 600, requestMs: 900, keepAliveMs: 500, requestsPerMinute: 100_000 },
    });
  });
  afterAll(() => world.end());
  afterEach(() => expect(faults, 'nobody fills the log').toEqual([]));
  const alive = async () => expect((await world.ask({ path: '/healthz' })).status).toBe(200);

  it('sends rubbish', async () => {
    const rubbish = Array.from({ length: 200 }, (_, seed) =>
      Buffer.from(
        Array.from({ length: 1 + ((seed * 37) % 300) }, (_, at) => (seed * 131 + at * at * 7) % 256),
      ),
    );
    const answers = await Promise.all(rubbish.map((bytes) => world.raw(bytes, '\r\n\r\n')));
    for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 400 |$)/);
    await alive();
  });

  it.each([
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['no host, as of 1996', 'GET / HTTP/1.0\r\n\r\n', 421],
    [
      'two lengths',
      'POST /api/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
    ],
    [
      'a length and chunks',
      'POST /api/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'another whole URL',
      'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      404,
    ],
    [
      'a path that a router would read as a pattern',
      'PUT /*/:a(x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
      405,
    ],
    ['a tunnel', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n', undefined],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    [
      'a WebSocket where there is none',
      'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      400,
    ],
  ])('sends %s', async (_what, request, status) => {
    const answer = await world.raw(request);
    expect(answer.split(' ')[1]).toBe(status === undefined ? undefined : String(status));
    await alive();
  });

  it('sends headers without end, and is cut off', async () => {
    const answer = await world.raw(
      'GET / HTTP/1.1\r\nHost: localhost\r\n',
      `X: ${'x'.repeat(40_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('nosniff');
  });

  it('sends slowly, and is cut off in time', async () => {
    const begun = performance.now();
    const [headers, body, idle] = await Promise.all([
      world.raw('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: '),
      world.raw(
        'POST /api/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
      ),
      world.raw('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    ]);
    expect(headers).toMatch(/^HTTP\/1\.1 408 /);
    expect(body).toMatch(/^HTTP\/1\.1 408 /);
    expect(idle).toMatch(/^HTTP\/1\.1 200 /);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('reads nothing of a long answer, and is cut off', async () => {
    const silent = await openWorld({
      metrics: async () => 'x'.repeat(50_000_000),
      limits: { silentMs: 500 },
    });
    try {
      const socket = connect(silent.port, '127.0.0.1');
      socket.on('error', () => socket.destroy());
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await vi.waitFor(() => expect(silent.connections[0]?.purpose).toBe('GET /metrics'), 20_000);
      await vi.waitFor(() => expect(silent.door().counters().connections).toBe(0), 20_000);
      socket.destroy();
    } finally {
      await silent.end();
    }
  });

  it('sends and goes away at once', async () => {
    const post = 'POST /api/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const said = [
      'GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /metrics HTTP/1.1\r\n',
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(50),
      `${post}Content-Length: 100\r\n\r\n{`,
      `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nabc`,
    ];
    await Promise.all(
      Array.from(
        { length: 200 },
        (_, index) =>
          new Promise<void>((resolve) => {
            const socket = connect(world.port, '127.0.0.1', () => {
              socket.write(said[index % said.length] ?? '', () => {
                if (index % 2 === 0) socket.resetAndDestroy();
                else socket.destroy();
              });
            });
            socket.on('error', () => socket.destroy());
            socket.on('close', () => resolve());
          }),
      ),
    );
    await alive();
  });
});

describe('a flood', () => {
  it('of 2,000 requests is answered up to the limit, and refused beyond it', async () => {
    const world = await openWorld();
    try {
      const request = 'GET /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n';
      const last = 'GET /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => world.raw(request.repeat(99) + last)),
      );
      const count = (status: number) => answers.join('').split(`HTTP/1.1 ${status} `).length - 1;
      expect([count(200), count(429)]).toEqual([600, 1_400]);
      expect(answers.join('')).toMatch(/retry-after: \d+/);
      const { status, headers } = await world.ask({ path: '/nowhere' });
      expect(status).toBe(429);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
      expect(world.door().counters().limited).toBe(1_401);
    } finally {
      await world.end();
    }
  });

  it('of commands that take long is refused beyond the limit', async () => {
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = new Map([
      ['slow', { params: { parse: (given: unknown) => given } as never, run: () => held }],
    ]);
    const world = await openWorld({ methods: slow, limits: { openRequests: 3 } });
    try {
      const asked = Array.from({ length: 8 }, () => world.rpc('slow'));
      const refused = await Promise.race([
        Promise.all(asked).then(() => 0),
        new Promise<number>((resolve) => {
          let seen = 0;
          for (const one of asked)
            void one.then(({ status }) => status === 503 && ++seen === 5 && resolve(seen));
        }),
      ]);
      expect(refused).toBe(5);
      go();
      expect((await Promise.all(asked)).filter(({ status }) => status === 200)).toHaveLength(3);
    } finally {
      await world.end();
    }
  });
});

describe('files', () => {
  let world: World;
  let outside: string;
  beforeAll(async () => {
    outside = mkdtempSync(join(tmpdir(), 'hedgerow-files-'));
    const mount = join(outside, 'mount');
    const page = join(outside, 'page');
    for (const folder of [
      mount,
      join(mount, 'spin_graph/js'),
      join(mount, '.git'),
      page,
      join(page, 'assets'),
    ]) {
      mkdirSync(folder, { recursive: true });
    }
    writeFileSync(join(outside, 'secret'), 'secret');
    writeFileSync(join(mount, '.env'), 'secret');
    writeFileSync(join(mount, '.git/config'), 'secret');
    writeFileSync(join(mount, 'spin_graph/index.html'), '<b>graph</b>');
    writeFileSync(join(mount, 'spin_graph/js/both.js'), 'both');
    writeFileSync(join(mount, 'spin_graph/js/both.js.gz'), gzipSync('both, packed'));
    writeFileSync(join(mount, 'spin_graph/js/only.js.gz'), gzipSync('only packed'));
    symlinkSync('../secret', join(mount, 'link'));
    symlinkSync('.env', join(mount, 'hidden'));
    symlinkSync('/etc', join(mount, 'etc'));
    writeFileSync(join(page, 'index.html'), '<i>page</i>');
    writeFileSync(join(page, 'assets/app-1234.js'), 'app');
    world = await openWorld({ mount, page, anonymous: { loopback: 'none', network: 'none' } });
  });
  afterAll(async () => {
    await world.end();
    rmSync(outside, { recursive: true, force: true });
  });

  it('of the mounted folder are served as they are', async () => {
    const file = await world.ask({ path: '/spin_graph/js/both.js?v=1' });
    expect(file).toMatchObject({ status: 200, text: 'both' });
    expect(file.headers).toMatchObject({
      'content-type': expect.stringMatching(/javascript; charset=utf-8$/),
      'cache-control': 'no-cache',
    });
    expect(file.headers['content-security-policy']).toContain("'unsafe-inline'");
    const packed = await world.ask({
      path: '/spin_graph/js/only.js',
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(packed.status).toBe(200);
    expect(packed.headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-type': expect.stringMatching(/javascript; charset=utf-8$/),
    });
    expect((await world.ask({ path: '/spin_graph/js/only.js' })).status).toBe(404);
    expect(await world.ask({ path: '/spin_graph/' })).toMatchObject({ status: 200, text: '<b>graph</b>' });
    expect((await world.ask({ path: '/spin_graph' })).headers.location).toBe('/spin_graph/');
    expect((await world.ask({ path: '/spin_graph/js/' })).status).toBe(404);
    const again = await world.ask({
      path: '/spin_graph/js/both.js',
      headers: { 'if-none-match': String(file.headers.etag) },
    });
    expect(again.status).toBe(304);
  });

  it('of the page are served where the mounted folder has none', async () => {
    const page = await world.ask({ path: '/' });
    expect(page).toMatchObject({ status: 200, text: '<i>page</i>' });
    expect(page.headers['content-security-policy']).not.toContain('unsafe');
    expect((await world.ask({ path: '/hedgerow/' })).text).toBe('<i>page</i>');
    expect((await world.ask({ path: '/assets/app-1234.js' })).headers['cache-control']).toContain(
      'immutable',
    );
    expect((await world.ask({ path: '/hedgerow/assets/app-1234.js' })).text).toBe('app');
  });

  it.each([
    '/../secret',
    '/spin_graph/../../secret',
    '/%2e%2e/secret',
    '/..%2fsecret',
    '/%2e%2e%2fsecret',
    '/..%252fsecret',
    '/%252e%252e%252fsecret',
    '/..\\secret',
    '/..%5csecret',
    '/..%c0%afsecret',
    '/%c0%ae%c0%ae/secret',
    '/....//secret',
    '//secret',
    '//etc/passwd',
    '/./secret',
    '/spin_graph%00/index.html',
    '/spin_graph/index.html%00.js',
    '/.env',
    '/%2eenv',
    '/.git/config',
    '/hidden',
    '/link',
    '/etc/passwd',
    '/etc/',
    '/hedgerow/../secret',
    '/file:///etc/passwd',
  ])('outside are not served: %s', async (path) => {
    const answer = await world.raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toMatch(/\r\n\r\nsecret|root:/);
  });

  it('are not looked for by a path of any length', async () => {
    expect((await world.ask({ path: `/${'a/'.repeat(1_500)}` })).status).toBe(404);
  });

  it('of the mounted folder need a login once there is a password, and the page shows where', async () => {
    await world.password.set(PASSWORD);
    expect((await world.ask({ path: '/spin_graph/' })).status).toBe(401);
    const shown = await world.ask({ path: '/spin_graph/', headers: { accept: 'text/html' } });
    expect([shown.status, shown.headers.location]).toEqual([303, '/hedgerow/']);
    expect((await world.ask({ path: '/' })).status).toBe(200);
    const cookie = await world.login();
    expect((await world.ask({ path: '/spin_graph/', headers: { cookie } })).status).toBe(200);
  });
});

describe('a full house', () => {
  it('of connections that say nothing, or half a request, keeps nobody out', async () => {
    const world = await openWorld();
    try {
      const half =
        'POST /api/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{';
      const sockets = Array.from({ length: 200 }, () => connect(world.port, '127.0.0.1'));
      for (const [index, socket] of sockets.entries()) {
        socket.on('error', () => socket.destroy());
        if (index % 2 === 0) socket.write(half);
      }
      await vi.waitFor(() => expect(world.connections).toHaveLength(200), 20_000);
      const states = () => new Set(world.connections.map(({ state }) => state));
      await vi.waitFor(() => expect(states()).toEqual(new Set(['idle', 'receiving'])), 20_000);
      for (let i = 0; i < 5; i++) expect((await world.ask({ path: '/healthz' })).status).toBe(200);
      for (const socket of sockets) socket.destroy();
    } finally {
      await world.end();
    }
  });
});
