/**
 * Installs the packages and makes the build, if they are not fresh. Run under a lock (flock), so that of several at once the
 * first one does it and the others find it done. Says what it does on stderr.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildIsFresh, mayWrite, node, packagesAreFresh, root } from './fresh.mjs';

const PACKAGES_MS = 15 * 60_000;
const BUILD_MS = 5 * 60_000;

if (!packagesAreFresh()) {
  mustWrite('the packages in node_modules are not those of package-lock.json', 'npm ci');
  say('installing packages from npm (once; about a minute)');
  // loglevel: npm's complaints about the machine's Node do not matter, the project brings its own.
  step('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], PACKAGES_MS);
  if (!existsSync(node))
    fail(
      'npm ci went through, but the package "node" did not bring its binary',
      'npm ci --foreground-scripts',
    );
}
if (!buildIsFresh()) {
  mustWrite('the build is older than what it is made of', 'npm run build');
  say('building');
  step(node, [join(root, 'scripts/build.ts')], BUILD_MS);
}

function step(command, args, timeout) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], timeout });
  if (status !== 0) fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function mustWrite(problem, command) {
  if (!mayWrite())
    fail(`${problem}, and this user may not write to ${root}`, `as its owner: cd ${root} && ${command}`);
}

function say(what) {
  process.stderr.write(`hedgerow: ${what}\n`);
}

function fail(what, hint) {
  say(what);
  if (hint) process.stderr.write(`→ ${hint}\n`);
  process.exit(69);
}
