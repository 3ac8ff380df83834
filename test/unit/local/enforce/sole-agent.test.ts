import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { becomeSoleAgent, decodeHolder, encodeHolder } from '../../../../src/local/enforce/sole-agent.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const { signal } = new AbortController();
let names = 0;
const fresh = () => `\0hedgerow-test-${process.pid}-${names++}`;
/** The other one is patient, and no test is to be. */
class Hasty extends FakeClock {
  override async sleep(ms: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.advance(ms);
  }
}
const become = (name: string, stateDir: string, clock = new Hasty()) =>
  becomeSoleAgent({ name, stateDir, clock, log: silentLog }, signal);

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Somebody else who has the name, and says this to whoever asks. */
async function squat(name: string, says: (socket: import('node:net').Socket) => void): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    says(socket);
  });
  server.listen({ path: name });
  await once(server, 'listening');
  ends.push(() => void server.close());
}

describe('the one agent of a network namespace', () => {
  test('the second is told who the first is and what to do, the first goes on', async () => {
    const name = fresh();
    ends.push(await become(name, '/var/lib/one'));
    const second = become(name, '/var/lib/two');
    await expect(second).rejects.toThrow(`process ${process.pid}, with its state in /var/lib/one`);
    await expect(second).rejects.toMatchObject({
      name: 'UnavailableError',
      hint: expect.stringContaining('stop'),
    });
    await expect(become(name, '/var/lib/two')).rejects.toThrow();
  });

  test('one that was ended by kill -9 is in nobody’s way', async () => {
    const name = fresh();
    const holder = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen({path: ${JSON.stringify(name)}}, () => console.log('held'))`,
    ]);
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    ends.push(await become(name, '/var/lib/two'));
    await expect(become(name, '/var/lib/three')).rejects.toThrow('/var/lib/two');
  });

  test('one that is stopping is waited for', async () => {
    const name = fresh();
    const release = await become(name, '/var/lib/one');
    const second = become(name, '/var/lib/two', new Hasty());
    release();
    ends.push(await second);
    await expect(become(name, '/var/lib/three')).rejects.toThrow('/var/lib/two');
  });

  test.for([
    ['rubbish', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['far too much', 'hedgerow-agent/1 1 '.padEnd(100_000, 'x')],
    ['nothing', ''],
  ] as const)('who holds the name and says %s keeps no agent from starting', async ([, says]) => {
    const name = fresh();
    await squat(name, (socket) => socket.end(says));
    ends.push(await become(name, '/var/lib/one'));
  });

  test('who says much to an agent, or holds many connections, is in nobody’s way', async () => {
    const name = fresh();
    ends.push(await become(name, '/var/lib/one'));
    const callers = Array.from({ length: 50 }, () => connect({ path: name }));
    const closed = callers.map(async (caller) => {
      caller.on('error', () => undefined);
      caller.resume().write('x'.repeat(10_000));
      ends.push(() => void caller.destroy());
      await new Promise((resolve) => caller.once('close', resolve));
    });
    await Promise.all(closed);
    await expect(become(name, '/var/lib/two', new Hasty())).rejects.toThrow('/var/lib/one');
  });
});

test('what a holder says is read as it was said, and rubbish is no holder', () => {
  const runs = { numRuns: 1_000 };
  const folder = fc.string({ minLength: 1 });
  const holders = fc.property(fc.nat(), folder, (pid, stateDir) => {
    expect(decodeHolder(encodeHolder({ pid, stateDir }))).toEqual({ pid, stateDir });
  });
  fc.assert(holders, runs);
  const rubbish = fc.property(fc.string({ unit: 'binary' }), (said) => {
    expect(decodeHolder(said)).toBeUndefined();
  });
  fc.assert(rubbish, runs);
});
