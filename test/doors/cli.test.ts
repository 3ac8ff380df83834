import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ControlServer } from '../../src/control/server.ts';
import { silentLog } from '../../src/log.ts';
import { arp, ethernet } from '../unit/local/observe/packets.ts';

const ENTRY = join(import.meta.dirname, '../../src/cli/entry.ts');
const execute = promisify(execFile);
let folder: string;
let server: ControlServer;

/** An agent with so many peers that they do not fit into a pipe. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-cli-'));
  writeFileSync(
    join(folder, 'config.yaml'),
    `{agent: {stateDir: ${folder}}, control: {socket: ${folder}/sock}, http: {listen: []}, mqtt: {broker: "off"}}`,
  );
  const peer = {
    router: 'kitchen\u001b[31m',
    state: 'alive',
    sinceSeconds: 3,
    applied: true,
    address: 'x'.repeat(200),
  };
  const methods = new Map([['peers', { params: z.any(), run: async () => Array(2_000).fill(peer) }]]);
  server = new ControlServer({ path: join(folder, 'sock'), methods, log: silentLog });
  await server.start(AbortSignal.timeout(5_000));
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const environment = () => ({ ...process.env, HEDGEROW_CONFIG: join(folder, 'config.yaml') });

async function hedgerow(...words: string[]): Promise<{ out: string; err: string; code: number }> {
  try {
    const { stdout, stderr } = await execute(process.execPath, [ENTRY, ...words], {
      env: environment(),
      timeout: 30_000,
      maxBuffer: 1e8,
    });
    return { out: stdout, err: stderr, code: 0 };
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      code = 1,
    } = error as { stdout?: string; stderr?: string; code?: number };
    return { out: stdout, err: stderr, code };
  }
}

async function shell(script: string): Promise<string> {
  const { stdout } = await execute('bash', ['-c', script, 'bash', process.execPath, ENTRY], {
    env: environment(),
    timeout: 30_000,
  });
  return stdout;
}

describe('the command line', { timeout: 60_000 }, () => {
  it('ends in peace when whoever reads has seen enough', async () => {
    expect(await shell('"$1" "$2" peers --wide | head -1; echo "$PIPESTATUS"')).toMatch(/^2000 alive\n0\n$/);
  });

  it('colours nothing outside of a terminal, and nothing with NO_COLOR within one; names drive no terminal', async () => {
    const { out } = await hedgerow('peers');
    expect(out).not.toContain('\u001b');
    const within = (setting: string) =>
      shell(`${setting} script -qec "$1 $2 peers" /dev/null </dev/null | grep -m1 ROUTER`);
    expect(await within('NO_COLOR=1')).not.toContain('\u001b');
    expect(await within('NO_COLOR=')).toContain('\u001b[2mROUTER');
  });

  it('looks at the machine, with every check, and says what to do', async () => {
    const { out, code } = await hedgerow('doctor', '--json');
    const { ok, findings } = JSON.parse(out);
    expect(code).toBe(ok ? 0 : 69);
    const names = findings.map(({ name }: { name: string }) => name);
    for (const name of [
      'node',
      'ipset',
      'CAP_NET_ADMIN',
      'backend',
      'clock',
      'state',
      'password',
      'agent',
      'boot',
    ])
      expect(names).toContain(name);
  });

  it('tells every problem of a configuration, with its line', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'agnet: {}\nenforce: {backend: magic}\n');
    const { out, code } = await hedgerow('config', 'check', file);
    expect(code).toBe(78);
    expect(out).toContain(`! ${file}:1: agnet: there is no such key; did you mean agent?`);
    expect(out).toContain(`! ${file}:2: enforce.backend: `);
    expect(await hedgerow('config', 'check')).toMatchObject({ code: 0 });
  });

  it.each(['-', '/dev/stdin'])('takes over a book from the standard input: import %s', async (file) => {
    const refused = await shell(
      `echo "polcies: []" | "$1" "$2" import ${file} 2>&1; echo "\${PIPESTATUS[1]}"`,
    );
    expect(refused).toMatch(
      new RegExp(`^hedgerow: ${file} cannot be taken over; nothing was changed\n  ${file}:1: `),
    );
    expect(refused).toMatch(/\n65\n$/);
  });

  it('replays a capture as slowly as it was captured, to its end', async () => {
    const frame = ethernet(0x0806, arp('02:00:00:00:00:11', '192.168.77.11'));
    const words = (...all: number[]) => Buffer.from(Uint32Array.from(all).buffer);
    const at = (microseconds: number) =>
      Buffer.concat([words(1_700_000_000, microseconds, frame.length, frame.length), frame]);
    const path = join(folder, 'slow.pcap');
    writeFileSync(path, Buffer.concat([words(0xa1b2c3d4, 0x0004_0002, 0, 0, 65_535, 1), at(0), at(300_000)]));
    const { out, err, code } = await hedgerow('replay', path, '--speed', 'real', '--json');
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({ frames: 2, interrupted: false });
  });

  it('takes a password from a pipe, and keeps it for its owner only', async () => {
    const child = spawn(process.execPath, [ENTRY, 'config', 'password', '--json'], { env: environment() });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.stdin.end('correct horse battery\n');
    expect(await ended).toBe(0);
    expect(statSync(join(folder, 'password')).mode & 0o777).toBe(0o600);
  });
});
