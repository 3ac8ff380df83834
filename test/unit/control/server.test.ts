import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { openControl } from '../../../src/control/client.ts';
import type { Method } from '../../../src/control/offer.ts';
import { ControlServer } from '../../../src/control/server.ts';
import { UsageError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/log.ts';

const schema = z.strictObject({ text: z.string() });
const methods = new Map<string, Method>([
  ['echo', { params: schema, run: async (params) => schema.parse(params).text }],
  ['refuse', { params: z.any(), run: async () => Promise.reject(new UsageError('no', { hint: 'try yes' })) }],
  ['break', { params: z.any(), run: async () => Promise.reject(new TypeError('a bug')) }],
  ['never', { params: z.any(), run: () => new Promise(() => undefined) }],
]);

describe('the control socket', () => {
  let folder = '';
  let path = '';
  let server: ControlServer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hedgerow-control-'));
    path = join(folder, 'agent.sock');
    server = new ControlServer({ path, methods, log: silentLog });
    await server.start(new AbortController().signal);
  });
  afterEach(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const raw = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(path, () => resolve(socket));
      socket.on('error', reject);
    });
  const firstLine = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
        if (text.includes('\n')) resolve(text.split('\n')[0] ?? '');
      });
      socket.on('close', () => resolve(text));
    });

  it('is for the owner and the group', () => {
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('answers many requests on one connection', async () => {
    const client = await openControl(path);
    const answers = await Promise.all(['a', 'b', 'ü'].map((text) => client.call('echo', { text })));
    expect(answers).toEqual(['a', 'b', 'ü']);
    client.close();
  });

  it('gives errors their name, hint and exit code', async () => {
    const client = await openControl(path);
    await expect(client.call('refuse')).rejects.toMatchObject({
      name: 'UsageError',
      hint: 'try yes',
      exitCode: 64,
    });
    await expect(client.call('echo', { wrong: 1 })).rejects.toMatchObject({
      name: 'UsageError',
      exitCode: 64,
    });
    await expect(client.call('break')).rejects.toMatchObject({ name: 'InternalError', exitCode: 70 });
    await expect(client.call('nonsense')).rejects.toMatchObject({
      exitCode: 69,
      hint: expect.stringContaining('older'),
    });
    client.close();
  });

  it('does not let a slow or idle client hold up another', async () => {
    const idle = await raw();
    const client = await openControl(path);
    void client.call('never').catch(() => undefined);
    expect(await client.call('echo', { text: 'quick' })).toBe('quick');
    client.close();
    idle.destroy();
  });

  it('ends a line without end', async () => {
    const socket = await raw();
    const line = firstLine(socket);
    socket.write('x'.repeat(1_100_000));
    expect(JSON.parse(await line)).toMatchObject({ error: { message: expect.stringContaining('longer') } });
    expect(server.counters.tooLong).toBe(1);
  });

  it('answers too many open requests with an error', async () => {
    const socket = await raw();
    const line = firstLine(socket);
    socket.write('{"jsonrpc":"2.0","id":1,"method":"never"}\n'.repeat(65));
    expect(JSON.parse(await line)).toMatchObject({ error: { message: 'too many requests at a time' } });
    socket.destroy();
  });

  it('goes on after any rubbish', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.string({ minLength: 1 }),
            fc.json(),
            fc.constant('[]'),
            fc.constant('{"jsonrpc":"2.0"}'),
          ),
          { minLength: 1 },
        ),
        async (lines) => {
          const socket = await raw();
          const line = firstLine(socket);
          socket.write(`${lines.map((text) => text.replaceAll('\n', ' ')).join('\n')}\nrubbish\n`);
          expect(JSON.parse(await line)).toHaveProperty('error');
          socket.destroy();
        },
      ),
      { numRuns: 50 },
    );
    const client = await openControl(path);
    expect(await client.call('echo', { text: 'still here' })).toBe('still here');
    client.close();
  });

  it('takes over a socket that nobody listens on, and no other file', async () => {
    await expect(
      new ControlServer({ path, methods, log: silentLog }).start(new AbortController().signal),
    ).rejects.toMatchObject({
      name: 'UnavailableError',
      message: expect.stringContaining('already running'),
    });
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(
      new ControlServer({ path: file, methods, log: silentLog }).start(new AbortController().signal),
    ).rejects.toMatchObject({ name: 'UnavailableError' });
  });

  it('refuses a call on a connection that has ended', async () => {
    const client = await openControl(path);
    client.close();
    await expect(client.call('echo', { text: 'hello' })).rejects.toMatchObject({
      name: 'UnavailableError',
    });
  });

  it('tells what to do when there is no agent', async () => {
    await expect(openControl(join(folder, 'nobody.sock'))).rejects.toMatchObject({
      name: 'UnavailableError',
      hint: expect.stringContaining('hedgerow agent'),
    });
  });
});
