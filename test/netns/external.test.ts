import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createExec } from '../../src/local/exec.ts';
import { ExternalSource } from '../../src/local/observe/external/source.ts';
import type { Packet } from '../../src/local/observe/packet.ts';
import type { Reading } from '../../src/local/observe/seen.ts';
import { silentLog } from '../../src/log.ts';
import { CAPTURED, neighbourReport } from '../unit/local/observe/datagrams.ts';

/** The datagrams of SPIN's reader through a real socket and a real socat. */

const exec = createExec();
let folder: string;
let path: string;
let packets: Packet[];
let readings: Reading[];
let source: ExternalSource;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-external-'));
  // A name that socat would read as options.
  path = join(folder, 'ext,src:1.sock');
  packets = [];
  readings = [];
  source = new ExternalSource({
    exec,
    clock: systemClock,
    log: silentLog,
    socket: path,
    holdMs: 50,
    interfaceOf: () => 'br-lan',
    isFollowed: () => false,
    onPacket: (packet) => packets.push(packet),
    onReading: (reading) => readings.push(reading),
  });
});

afterEach(async () => {
  await source.stop();
  await rm(folder, { recursive: true, force: true });
});

async function until(there: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + 10_000;
  while (!(await there())) {
    if (systemClock.monotonic() > end) throw new Error(`never came: ${there}`);
    await systemClock.sleep(20);
  }
}

const isOpen = () =>
  stat(path).then(
    (file) => file.isSocket(),
    () => false,
  );

/** One datagram; true when somebody receives it. */
async function send(datagram: Uint8Array): Promise<boolean> {
  const escaped = path.replaceAll(/[,:]/g, '\\$&');
  const argv = ['socat', '-u', '-b', '8192', 'STDIN', `UNIX-SENDTO:${escaped}`];
  const child = exec.open(argv, AbortSignal.timeout(10_000));
  child.stdout.resume();
  child.stderr.resume();
  child.stdin.end(datagram);
  return (await child.exited).code === 0;
}

test('datagrams of the real reader arrive, and malformed ones harm nobody', async () => {
  await source.start(new AbortController().signal);
  await until(isOpen);
  expect((await stat(path)).mode & 0o777).toBe(0o660);
  for (const datagram of CAPTURED) expect(await send(datagram)).toBe(true);
  await send(Buffer.alloc(300, 0xff));
  await send((CAPTURED[0] as Buffer).subarray(0, 5));
  await send(neighbourReport('rubbish', [192, 168, 8, 10]));
  await send(neighbourReport('02:00:00:00:01:01', [192, 168, 8, 10]));
  await until(() => readings.length === 2);
  await until(() => packets.length === 12);
  expect(readings.map(({ kind }) => kind)).toEqual(['answer', 'seen']);
  expect(source.health()).toMatchObject({
    running: true,
    lastError: undefined,
    counters: { questions: 1, ignored: 1, skipped: 305 },
  });
});

test('a socat that is killed is started again, and its socket is the new one', async () => {
  await source.start(new AbortController().signal);
  await until(isOpen);
  await send(CAPTURED[0] as Buffer);
  await until(() => packets.length === 1);
  const { stdout } = await exec.run(['ps', '--ppid', `${process.pid}`, '-o', 'pid=,args=']);
  const line = stdout.split('\n').find((one) => one.includes('UNIX-RECV') && one.includes(folder));
  await exec.run(['kill', '-9', /\d+/.exec(line ?? '')?.[0] ?? '']);
  await until(() => source.health().restarts === 1 && source.health().running);
  await until(() => send(CAPTURED[7] as Buffer));
  await until(() => readings.length === 1);
  expect(packets).toHaveLength(1);
  await source.stop();
  expect(await readdir(folder)).toEqual([]);
});
