import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** The scripts of configs/openwrt, run by busybox's ash, which is OpenWrt's shell, with stand-ins for what is around them there. */
const CONFIGS = fileURLToPath(new URL('../configs/openwrt/', import.meta.url));
const RC_COMMON = fileURLToPath(new URL('support/openwrt/rc.common', import.meta.url));

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hedgerow-openwrt-'));
  for (const name of ['init.d', 'rc.d', 'bin', 'var/run']) mkdirSync(join(root, name), { recursive: true });
  install(
    'node',
    `#!/bin/sh\necho "node $*" >> "${root}/ran"\necho "what was blocked is blocked again"\nexit 65\n`,
  );
  install('logger', `#!/bin/sh\necho "logger $*: $(cat)" >> "${root}/ran"\n`);
  for (const name of ['hedgerow', 'hedgerow-restore']) {
    // Nothing outside this folder is touched.
    const text = readFileSync(join(CONFIGS, `${name}.init`), 'utf8')
      .replace('/usr/bin/node', `${root}/bin/node`)
      .replaceAll(/(?<=\s)\/(run|var)(?=[/\s])/g, `${root}/$1`);
    expect(text.replaceAll(root, '')).not.toBe(text);
    expect(text.replaceAll(`${root}/`, '')).not.toMatch(/\s\/(?:run|var)[/\s]/);
    writeFileSync(join(root, 'init.d', name), text);
  }
  for (const [name, start] of [
    ['firewall', 19],
    ['network', 20],
  ] as const)
    writeFileSync(join(root, 'init.d', name), `START=${start}\nstart() { echo ${name} >> "${root}/ran"; }\n`);
});
afterEach(() => rmSync(root, { recursive: true }));

function install(name: string, text: string): void {
  writeFileSync(join(root, 'bin', name), text);
  chmodSync(join(root, 'bin', name), 0o755);
}

function call(script: string, action: string): void {
  const env = { PATH: `${root}/bin:/usr/bin:/bin`, RC_D: `${root}/rc.d`, PROCD_TOLD: `${root}/told` };
  const { status, stderr } = spawnSync('busybox', ['ash', '-u', RC_COMMON, join(root, script), action], {
    encoding: 'utf8',
    env: { ...env, START: '', STOP: '', USE_PROCD: '' },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
}

const lines = (name: string): string[] =>
  existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8').trimEnd().split('\n') : [];

test('at boot the last plan is in force before the firewall and the network start, and a failure stops nothing', () => {
  for (const name of readdirSync(join(root, 'init.d'))) call(`init.d/${name}`, 'enable');
  const enabled = readdirSync(join(root, 'rc.d')).sort();
  expect(enabled).toEqual(['K10hedgerow', 'S18hedgerow-restore', 'S19firewall', 'S20network', 'S95hedgerow']);
  for (const name of enabled.filter((one) => one.startsWith('S'))) call(`rc.d/${name}`, 'boot');
  expect(lines('ran')).toEqual([
    'node /opt/hedgerow/dist/hedgerow.js restore',
    'logger -t hedgerow-restore: what was blocked is blocked again',
    'firewall',
    'network',
  ]);
  // What procd is told has the name of the link there, of the script elsewhere.
  expect(lines('told')[0]).toMatch(/^set /);
});

test('procd starts the agent again without end, gives it time to stop, and hears of another configuration by reload', () => {
  call('init.d/hedgerow', 'start');
  const started = lines('told');
  expect(started).toEqual([
    'set hedgerow',
    'instance',
    `command|${root}/bin/node|--max-semi-space-size=1|/opt/hedgerow/dist/hedgerow.js|agent`,
    'file|/etc/hedgerow/hedgerow.yaml',
    'respawn|3600|2|0',
    'term_timeout|15',
    'limits|nofile=8192 8192',
    'stderr|1',
    'end',
  ]);
  call('init.d/hedgerow', 'reload');
  expect(lines('told')).toEqual([...started, ...started]);
  call('init.d/hedgerow', 'restart');
  call('init.d/hedgerow', 'stop');
  expect(lines('told').slice(2 * started.length)).toEqual(['delete hedgerow', ...started, 'delete hedgerow']);
  expect(lines('ran')).toEqual([]);
});

test('the folder of the control socket is in /run, which is /var/run where OpenWrt has no other', () => {
  call('init.d/hedgerow', 'start');
  expect(existsSync(join(root, 'var/run/hedgerow'))).toBe(true);
  expect(existsSync(join(root, 'run/hedgerow'))).toBe(true);
  // It is there already at the next start.
  call('init.d/hedgerow', 'start');
});
