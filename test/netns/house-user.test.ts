import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { paths } from '../../lab/paths.ts';
import type { Report } from '../../lab/report.ts';

/**
 * The demo as an ordinary user. Where the tests run as root, the user exists only in a mount namespace of this test: copies of
 * the account files with one more user are bound over the machine's, which stay as they are. The checkout is bound to
 * a place that the user can reach, wherever it really is.
 */
const USER = { name: 'gardener', id: 61_234, from: 700_000 };
const CHECKOUT = '/mnt/hedgerow';
const TIME_MS = 180_000;

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hedgerow-user-'));
  const { name, id, from } = USER;
  const more = {
    passwd: `${name}:x:${id}:${id}::/tmp:/bin/sh`,
    group: `${name}:x:${id}:`,
    subuid: `${name}:${from}:65536`,
    subgid: `${name}:${from}:65536`,
  };
  for (const [file, line] of Object.entries(more)) {
    const machine = await readFile(`/etc/${file}`, 'utf8');
    await writeFile(join(dir, file), `${machine.trimEnd()}\n${line}\n`, { mode: 0o644 });
  }
});

afterAll(async () => {
  await rm(dir, { recursive: true });
});

/** Becomes the user, makes sure that it can read everything it runs, and runs the rest of the command line. */
const asUser = () => `set -euo pipefail
for file in passwd group subuid subgid; do mount --bind ${dir}/$file /etc/$file; done
mount -t tmpfs -o mode=755 mnt /mnt
mkdir ${CHECKOUT}
mount --rbind ${paths.checkout} ${CHECKOUT}
become=(setpriv --reuid=${USER.id} --regid=${USER.id} --clear-groups --inh-caps=-all)
hidden=$("\${become[@]}" find ${CHECKOUT}/lab ${CHECKOUT}/src ${CHECKOUT}/dist ${CHECKOUT}/node_modules/node ! -readable -print -quit)
[ -z "$hidden" ] || { echo "an ordinary user may not read $hidden: chmod -R a+rX ${paths.checkout}" >&2; exit 77; }
cd ${CHECKOUT}
exec "\${become[@]}" env HOME=/tmp PATH=/usr/bin:/bin "$@"`;

function run(argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const [file = '', ...args] = argv;
    execFile(file, args, { timeout: TIME_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

it('the house stands for an ordinary user and shows the main job', {
  timeout: TIME_MS + 10_000,
}, async () => {
  const root = userInfo().uid === 0;
  const at = root ? CHECKOUT : paths.checkout;
  const house = [
    `${at}/node_modules/node/bin/node`,
    `${at}/lab/house.ts`,
    '--once',
    '--json',
    '--name',
    'test-user',
  ];
  const { code, stdout, stderr } = await run(
    root
      ? ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', 'bash', '-c', asUser(), 'as-user', ...house]
      : house,
  );
  const said = `${stderr}\n${stdout}`;
  expect(stdout, said).not.toBe('');
  const report = JSON.parse(stdout) as Report;
  expect(report, said).toMatchObject({ ok: true, leaked_packets: 0, unblocked_still_flowing: true });
  expect(code).toBe(0);
});
