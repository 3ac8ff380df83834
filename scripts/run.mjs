/**
 * Runs a program of this checkout, `run.mjs FILE ARGS…`, from a fresh clone and with whatever Node the machine has (18 or
 * later): sees to packages, system tools and the build, then hands over to the Node that the project brings along.
 */
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { buildIsFresh, bundle, node, packagesAreFresh, root } from './fresh.mjs';

const [file, ...args] = process.argv.slice(2);
if (!file) {
  console.error('usage: run.mjs FILE [ARGS…]');
  process.exit(64);
}
const program = join(root, file);

// The command line of Hedgerow needs no tools of the lab.
if (program !== bundle) must(spawnSync(join(root, 'scripts/setup'), { stdio: ['ignore', 2, 2] }));

if (!packagesAreFresh() || !buildIsFresh()) {
  const lock = ['--close', '--timeout', '1200', join(root, 'package-lock.json')];
  must(
    spawnSync('flock', [...lock, process.execPath, join(root, 'scripts/prepare.mjs')], {
      stdio: ['ignore', 2, 2],
    }),
  );
}

// The program dies with this process, also when that is killed.
const child = spawn('setpriv', ['--pdeathsig', 'KILL', node, program, ...args], { stdio: 'inherit' });
child.on('error', (error) => {
  console.error(`hedgerow: ${error.message}`);
  process.exit(69);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
// A terminal sends Ctrl-C to both of us.
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) child.kill('SIGINT');
});

function must({ status, error }) {
  if (error) console.error(`hedgerow: ${error.message}`);
  if (status !== 0) process.exit(status ?? 69);
}
