import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, PASSWORD, type World } from './http-world.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const tryLogin = (world: World, body: unknown) =>
  world.ask({ method: 'POST', path: '/api/login', headers: JSON_TYPE, body: JSON.stringify(body) });

describe('with a password', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld({ spin: async (_text, by) => JSON.stringify({ by }) });
    await world.password.set(PASSWORD);
  });
  afterAll(() => world.end());

  it('needs a login, on loopback too', async () => {
    expect((await world.rpc('echo', 1)).status).toBe(401);
    expect((await world.rpc('echo', 1, { cookie: 'hedgerow=guessed' })).status).toBe(401);
    expect((await world.ask({ path: '/metrics' })).status).toBe(401);
    expect(JSON.parse((await world.ask({ path: '/api/session' })).text)).toEqual({ loginNeeded: true });
    expect((await world.ask({ path: '/healthz' })).status).toBe(200);
    expect((await world.ask({ path: '/' })).status).toBe(200);
  });

  it('logs in, says who it is, and out again', async () => {
    const { status, headers } = await tryLogin(world, { password: PASSWORD, name: ' Ann\u0007a ' });
    expect(status).toBe(200);
    const set = headers['set-cookie']?.[0] ?? '';
    expect(set).toMatch(/^hedgerow=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = set.split(';')[0] ?? '';
    const { text } = await world.rpc('change', { what: 'x' }, { cookie });
    expect(JSON.parse(text).result).toEqual({ by: 'Anna', what: 'x' });
    expect(JSON.parse((await world.ask({ path: '/api/session', headers: { cookie } })).text)).toEqual({
      loginNeeded: false,
      by: 'Anna',
    });
    expect((await world.ask({ path: '/metrics', headers: { cookie } })).status).toBe(200);
    expect((await world.ask({ method: 'POST', path: '/api/logout', headers: { cookie } })).status).toBe(200);
    expect((await world.rpc('echo', 1, { cookie })).status).toBe(401);
  });

  it('begins a new session with every login, and ends the old one', async () => {
    const first = await world.login();
    const { headers } = await world.ask({
      method: 'POST',
      path: '/api/login',
      headers: { ...JSON_TYPE, cookie: first },
      body: JSON.stringify({ password: PASSWORD }),
    });
    const second = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    expect(second).not.toBe(first);
    expect((await world.rpc('echo', 1, { cookie: first })).status).toBe(401);
    expect((await world.rpc('echo', 1, { cookie: second })).status).toBe(200);
  });

  it('takes the password by Basic authentication for metrics only', async () => {
    const authorization = `Basic ${Buffer.from(`prometheus:${PASSWORD}`).toString('base64')}`;
    for (let scrape = 0; scrape < 8; scrape++) {
      expect((await world.ask({ path: '/metrics', headers: { authorization } })).status).toBe(200);
    }
    expect((await world.rpc('echo', 1, { authorization })).status).toBe(401);
    const { status, headers } = await world.ask({
      path: '/metrics',
      headers: { authorization: 'Basic ???' },
    });
    expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm="hedgerow", charset="UTF-8"']);
  });

  it('lets SPIN in with a login, or where mqtt.anonymous lets it ask, but not through a strange name', async () => {
    const spin = async (at: World, headers: Record<string, string>) => {
      const { status, text } = await at.ask({
        method: 'POST',
        path: '/spin_api/jsonrpc',
        headers: { ...JSON_TYPE, ...headers },
        body: '{}',
      });
      return status === 200 ? JSON.parse(text).by : status;
    };
    expect(await spin(world, {})).toBe(401);
    expect(await spin(world, { cookie: await world.login('Anna') })).toBe('Anna');
    const open = await openWorld({
      anonymous: { loopback: 'write', network: 'none' },
      spin: async (_text, by) => JSON.stringify({ by }),
    });
    try {
      await open.password.set(PASSWORD);
      expect(await spin(open, {})).toBe('web');
      expect(await spin(open, { host: 'evil.example' })).toBe(401);
      expect((await open.rpc('echo', 1)).status).toBe(401);
    } finally {
      await open.end();
    }
  });

  it('knows a session under any name of the router, because nobody else has it', async () => {
    const headers = { cookie: await world.login(), host: 'attic.example.org' };
    expect((await world.rpc('echo', 1, headers)).status).toBe(200);
  });

  it('ends all sessions when the password changes', async () => {
    const cookie = await world.login();
    expect((await world.rpc('echo', 1, { cookie })).status).toBe(200);
    await world.password.set('another password');
    expect((await world.rpc('echo', 1, { cookie })).status).toBe(401);
    await world.password.set(PASSWORD);
    expect((await world.rpc('echo', 1, { cookie })).status).toBe(401);
  });
});

describe('who guesses', () => {
  it('may do so five times a minute, each answered later, and is told when to come back', async () => {
    const world = await openWorld();
    try {
      await world.password.set(PASSWORD);
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => tryLogin(world, { password: `guess ${index}` })),
      );
      const count = (status: number) => answers.filter((answer) => answer.status === status).length;
      expect([count(401), count(429)]).toEqual([5, 7]);
      const refused = answers.find(({ status }) => status === 429);
      expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(50);
      // Not even with the right one.
      expect((await tryLogin(world, { password: PASSWORD })).status).toBe(429);
      const authorization = `Basic ${Buffer.from(`x:${PASSWORD}`).toString('base64')}`;
      expect((await world.ask({ path: '/metrics', headers: { authorization } })).status).toBe(429);
      expect(world.door().counters().passwordsRefused).toBe(9);
    } finally {
      await world.end();
    }
  });

  it('may send rubbish', async () => {
    const world = await openWorld();
    try {
      await world.password.set(PASSWORD);
      for (const body of [
        null,
        1,
        [],
        {},
        { password: 1 },
        { password: 'x', more: 1 },
        { password: PASSWORD, name: {} },
      ]) {
        expect((await tryLogin(world, body)).status).toBe(400);
      }
      expect((await tryLogin(world, { password: 'x'.repeat(100_000) })).status).toBe(401);
    } finally {
      await world.end();
    }
  });
});

describe('over TLS', () => {
  it('the cookie is for TLS alone, and browsers are told to stay with it', async () => {
    const folder = await openWorld();
    const cert = join(folder.folder, 'cert.pem');
    const key = join(folder.folder, 'key.pem');
    const world = await (async () => {
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
          ...['-subj', '/CN=attic', '-keyout', key, '-out', cert],
        ],
        { stdio: 'ignore', timeout: 10_000 },
      );
      return openWorld({ cert: { cert, key } });
    })();
    try {
      await world.password.set(PASSWORD);
      const { status, headers } = await world.ask({
        tls: true,
        method: 'POST',
        path: '/api/login',
        headers: { ...JSON_TYPE, origin: `https://127.0.0.1:${world.port}` },
        body: JSON.stringify({ password: PASSWORD }),
      });
      expect(status).toBe(200);
      expect(headers['strict-transport-security']).toBe('max-age=86400');
      expect(headers['set-cookie']?.[0]).toMatch(
        /^__Host-hedgerow=[^;]+;.*; HttpOnly; Secure; SameSite=Strict$/,
      );
      const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
      const session = await world.ask({ tls: true, path: '/api/session', headers: { cookie } });
      expect(JSON.parse(session.text)).toEqual({ loginNeeded: false, by: 'web' });
    } finally {
      await world.end();
      await folder.end();
    }
  });
});

describe('on IPv6', () => {
  it('is itself', async () => {
    const world = await openWorld({ listen: ['[::1]:0'] });
    try {
      expect(
        (await world.ask({ host: '::1', path: '/api/session', headers: { host: `[::1]:${world.port}` } }))
          .status,
      ).toBe(200);
      expect((await world.ask({ host: '::1', path: '/', headers: { host: '[2001:db8::1]' } })).status).toBe(
        421,
      );
    } finally {
      await world.end();
    }
  });
});
