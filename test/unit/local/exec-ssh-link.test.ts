import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Child, Exec, Finished } from '../../../src/local/exec.ts';
import { sshExec } from '../../../src/local/exec-ssh.ts';
import { SshLink } from '../../../src/local/exec-ssh-link.ts';
import { silentLog } from '../../../src/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const target = { host: '192.168.1.1', user: 'root', port: 22, knownHosts: '/tmp/known' };
const socket = '/tmp/hedgerow-test-no-such-socket';

/** An ssh that does as it is told. */
class FakeSsh implements Exec {
  readonly masters: { stdout: PassThrough; stderr: PassThrough; input: string[]; end: () => void }[] = [];
  readonly ran: string[] = [];
  answer: (command: string) => Promise<Finished> = async () => ({ code: 0, stdout: 'ok', stderr: '' });

  run(argv: readonly string[]): Promise<Finished> {
    this.ran.push(argv.join(' '));
    return this.answer(argv.join(' '));
  }

  open(argv: readonly string[], signal: AbortSignal): Child {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const exited = Promise.withResolvers<{ code: number; why: string }>();
    const end = () => exited.resolve({ code: 255, why: 'exit code 255' });
    signal.addEventListener('abort', end, { once: true });
    const input: string[] = [];
    stdin.setEncoding('utf8').on('data', (text: string) => input.push(text));
    if (argv.includes('ControlMaster=yes')) {
      this.masters.push({ stdout, stderr, input, end });
      this.#names.push(/hedgerow (\w+) is here/.exec(argv.at(-1) ?? '')?.[1] ?? '');
    }
    return { pid: 1, stdin, stdout, stderr, exited: exited.promise, kill: end };
  }

  readonly #names: string[] = [];

  async greets(): Promise<void> {
    this.masters.at(-1)?.stdout.write(`some banner\nhedgerow ${this.#names.at(-1)} is here\n`);
    await settle();
  }

  async loses(): Promise<void> {
    this.masters.at(-1)?.end();
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
}

async function begin() {
  const clock = new FakeClock();
  const here = new FakeSsh();
  const reached: number[] = [];
  const onReached = (times: number): void => void reached.push(times);
  const link = new SshLink({ target, socket, owner: 'me', here, clock, log: silentLog, onReached });
  const exec = sshExec({ target, socket, link, here, clock });
  const life = new AbortController();
  await link.start(life.signal);
  await settle();
  return { clock, here, link, exec, reached, life };
}

test('nothing is run before the router has answered, and then it is', async () => {
  const { here, link, exec, reached, life } = await begin();
  expect(link.why).toBe('root@192.168.1.1 cannot be reached: not connected yet');
  await expect(exec.run(['ipset'])).rejects.toThrow('not connected yet');
  const child = exec.open(['ipset', '-'], life.signal);
  expect(await child.exited).toEqual({ code: -1, why: link.why });
  expect(here.ran).toEqual([]);
  await here.greets();
  expect(link.why).toBeUndefined();
  expect(await exec.run(['ipset'])).toEqual({ code: 0, stdout: 'ok', stderr: '' });
  expect(reached).toEqual([1]);
  life.abort();
  await link.stop();
});

test('a connection that is lost ends what runs over it, and is made again', async () => {
  const { clock, here, link, exec, reached, life } = await begin();
  await here.greets();
  here.answer = () => new Promise(() => undefined);
  const child = exec.open(['conntrack', '-E'], life.signal);
  here.answer = async () => ({ code: 255, stdout: '', stderr: 'mux_client_read_packet: Broken pipe' });
  const lost = expect(exec.run(['ipset', 'list'])).rejects.toThrow('to root@192.168.1.1 was lost');
  await here.loses();
  await lost;
  expect(await child.exited).toEqual({ code: -1, why: 'the connection to root@192.168.1.1 was lost' });
  expect(link.why).toContain('the connection was lost');
  const back = link.untilReached(life.signal);
  await clock.advance(5_000);
  await settle();
  expect(here.masters).toHaveLength(2);
  await here.greets();
  await back;
  expect(reached).toEqual([1, 2]);
  life.abort();
  await link.stop();
});

test('a host key that nobody has accepted is told with its fingerprint and with what to do', async () => {
  const { here, link, life } = await begin();
  const print = 'SHA256:TesSCO9oxpEc9TuEUbuYveZHkANnWA2VmhC2Tfv1wrM';
  here.answer = async () => ({ code: 0, stdout: `256 ${print} 192.168.1.1 (ED25519)\n`, stderr: '' });
  here.masters[0]?.stderr.write(
    'No ED25519 host key is known for 192.168.1.1 and you have requested strict checking.\n',
  );
  await settle();
  await here.loses();
  expect(link.why).toContain(`its host key is not in /tmp/known; it shows ED25519 ${print}`);
  expect(link.hint).toContain('ssh-keyscan -p 22 -t ed25519,ecdsa,rsa 192.168.1.1 >> /tmp/known');
  expect(link.hint).toContain('dropbearkey -y');
  life.abort();
  await link.stop();
});

test('a command that is late is ended over there, twice: it may just have been about to begin', async () => {
  const { clock, here, link, exec, life } = await begin();
  await here.greets();
  here.answer = () => new Promise(() => undefined);
  const late = exec.run(['sleep', '100'], { timeoutMs: 500 });
  await settle();
  await clock.advance(500);
  expect((await late).code).toBe(-1);
  await clock.advance(1_000);
  await settle();
  expect(here.masters[0]?.input.join('').split('\n').filter(Boolean).length).toBeGreaterThanOrEqual(2);
  expect(new Set(here.masters[0]?.input.join('').trim().split('\n'))).toEqual(new Set(['1']));
  life.abort();
  await link.stop();
});

test('no socket is made where its path is too long, or means something to ssh', () => {
  const options = { target, owner: 'me', here: new FakeSsh(), clock: new FakeClock(), log: silentLog };
  for (const wrong of [`/${'a'.repeat(90)}`, '/a b', '/a%h'])
    expect(() => new SshLink({ ...options, socket: wrong })).toThrow('ssh can make no socket');
});
