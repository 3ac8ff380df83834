import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, type World } from './http-world.ts';

describe('without a password, on loopback', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld({ spin: async (text, by) => JSON.stringify({ text, by }) });
  });
  afterAll(() => world.end());

  it('serves the person at the router', async () => {
    const { status, headers, text } = await world.rpc('change', { what: 'x' });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id: 1, result: { by: 'web', what: 'x' } });
    expect(JSON.parse((await world.ask({ path: '/api/session' })).text)).toEqual({
      loginNeeded: false,
      by: 'web',
    });
    expect((await world.ask({ path: '/metrics' })).text).toBe('hedgerow_up 1\n');
    expect((await world.ask({ path: '/metrics?devices=1' })).text).toContain('hedgerow_device_bytes 1\n');
    expect((await world.ask({ path: '/' })).text).toContain('<h1>Hedgerow</h1>');
  });

  it('tells errors without their inside', async () => {
    const { status, text } = await world.rpc('break');
    expect(status).toBe(200);
    expect(text).not.toContain('the inside of it');
    expect(JSON.parse(text).error.message).toMatch(/fault in Hedgerow/);
    expect(JSON.parse((await world.rpc('nothing')).text).error.code).toBe(-32601);
  });

  it('answers a notification with nothing and refuses a batch', async () => {
    const send = (body: string) =>
      world.ask({ method: 'POST', path: '/api/rpc', headers: { 'content-type': 'application/json' }, body });
    expect((await send('{"jsonrpc":"2.0","method":"echo"}')).status).toBe(204);
    expect(JSON.parse((await send('[{"jsonrpc":"2.0","id":1,"method":"echo"}]')).text).error.code).toBe(
      -32600,
    );
    expect(JSON.parse((await send('{"jsonrpc":')).text).error.code).toBe(-32700);
  });

  it.each([
    '127.0.0.1',
    'localhost:4480',
    'LOCALHOST.',
    '[::1]:4480',
    'attic',
    'attic.lan:80',
    'attic.home.arpa',
  ])('is asked for %s', async (host) => {
    expect((await world.ask({ path: '/api/session', headers: { host } })).status).toBe(200);
  });

  it.each([
    'evil.example',
    '203.0.113.5',
    'attic.evil.example',
    'localhost.evil.example',
    '2130706433',
    '0.0.0.0',
    'a b',
  ])('is not %s (DNS rebinding)', async (host) => {
    for (const path of ['/', '/api/session', '/metrics', '/healthz', '/%zz']) {
      const { status, text } = await world.ask({ path, headers: { host } });
      expect([path, status]).toEqual([path, path === '/%zz' ? 400 : 421]);
      expect(text).not.toContain('hedgerow_up');
    }
  });

  it('lets no other site ask for changes', async () => {
    const own = `http://127.0.0.1:${world.port}`;
    expect((await world.rpc('echo', 1, { origin: own })).status).toBe(200);
    expect((await world.rpc('echo', 1, { origin: own, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    for (const origin of [
      'http://evil.example',
      'null',
      own.replace('http', 'https'),
      'http://127.0.0.1:1',
      `${own}/`,
      '',
    ]) {
      expect([origin, (await world.rpc('echo', 1, { origin })).status]).toEqual([origin, 403]);
    }
    expect((await world.rpc('echo', 1, { 'sec-fetch-site': 'same-site' })).status).toBe(403);
    expect((await world.rpc('echo', 1, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });

  it('takes JSON only, and only so much of it', async () => {
    const send = (type: string, body: string) =>
      world.ask({ method: 'POST', path: '/api/rpc', headers: { 'content-type': type }, body });
    expect((await send('text/plain', '{}')).status).toBe(415);
    expect((await send('application/x-www-form-urlencoded', 'a=b')).status).toBe(415);
    expect((await send('application/json; charset=utf-8', '{}')).status).toBe(200);
    expect((await send('application/json', ' '.repeat(256 * 1024 + 1))).status).toBe(413);
  });

  it('answers SPIN, whatever its clients say they send', async () => {
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', undefined]) {
      const { status, text } = await world.ask({
        method: 'POST',
        path: '/spin_api/jsonrpc',
        headers: { 'content-length': '2', ...(type === undefined ? {} : { 'content-type': type }) },
        body: '{}',
      });
      expect([type, status]).toEqual([type, 200]);
      expect(JSON.parse(text)).toEqual({ text: '{}', by: 'web' });
    }
    expect((await world.ask({ path: '/spin_api/jsonrpc' })).status).toBe(405);
  });

  it('says which methods a path takes', async () => {
    for (const [method, path, allow] of [
      ['GET', '/api/rpc', 'POST'],
      ['DELETE', '/api/session', 'GET, HEAD'],
      ['POST', '/healthz', 'GET, HEAD'],
      ['PUT', '/nowhere', 'GET, HEAD'],
      ['OPTIONS', '/api/rpc', 'POST'],
      ['TRACE', '/', 'GET, HEAD'],
    ] as const) {
      const { status, headers } = await world.ask({ method, path });
      expect([method, path, status, headers.allow]).toEqual([method, path, 405, allow]);
    }
    expect((await world.ask({ path: '/nowhere' })).status).toBe(404);
    expect((await world.ask({ path: '/mqtt' })).status).toBe(404);
  });

  it('protects every answer with headers', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/nowhere'],
      ['GET', '/%zz'],
      ['POST', '/api/rpc'],
      ['GET', '/api/session'],
      ['HEAD', '/healthz'],
    ] as const) {
      const { headers } = await world.ask({ method, path });
      expect(headers['content-security-policy'], path).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers['content-security-policy'], path).not.toContain('unsafe-inline');
      expect(headers['x-content-type-options'], path).toBe('nosniff');
      expect(headers['referrer-policy'], path).toBe('no-referrer');
      expect(headers['cross-origin-opener-policy'], path).toBe('same-origin');
      expect(headers['strict-transport-security'], path).toBeUndefined();
      expect(headers['access-control-allow-origin'], path).toBeUndefined();
    }
  });

  it('has nothing to log in to', async () => {
    const { status, text } = await world.ask({
      method: 'POST',
      path: '/api/login',
      headers: { 'content-type': 'application/json' },
      body: '{"password":"x"}',
    });
    expect(status).toBe(409);
    expect(JSON.parse(text).error.hint).toContain('hedgerow config password');
  });

  it('tells what each connection is for', () => {
    expect(new Set(world.connections.map(({ purpose }) => purpose))).toContain('POST /api/rpc');
    expect(world.connections.every(({ purpose }) => !purpose.includes('nowhere'))).toBe(true);
  });
});

describe('health', () => {
  it('is one word', async () => {
    let ok = true;
    const world = await openWorld({ health: () => ({ ok, word: ok ? 'ok' : 'degraded' }) });
    try {
      expect(await world.ask({ path: '/healthz' })).toMatchObject({ status: 200, text: 'ok\n' });
      ok = false;
      expect(await world.ask({ path: '/healthz' })).toMatchObject({ status: 503, text: 'degraded\n' });
    } finally {
      await world.end();
    }
  });
});

describe('on the network without a password', () => {
  it('does not listen, and says why', async () => {
    const world = await openWorld({ listen: ['127.0.0.1:0', '0.0.0.0:0'] });
    try {
      expect(world.doorway.addresses()).toHaveLength(1);
      expect(world.doorway.problems().join()).toContain('hedgerow config password');
    } finally {
      await world.end();
    }
  });
});
