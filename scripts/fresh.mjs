/** What is ready in this checkout and what is not. Plain JavaScript, for the Node that the machine has (18 or later). */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** The Node that the project brings along. */
export const node = join(root, 'node_modules/node/bin/node');
export const bundle = join(root, 'dist/hedgerow.js');
const build = join(root, 'scripts/build.ts');

/**
 * Whether node_modules holds what package-lock.json says, by npm's own record of what it installed. Optional packages may
 * be missing: they are for other machines.
 */
export function packagesAreFresh() {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const installed = packagesOf(join(root, 'node_modules/.package-lock.json'));
  if (!wanted || !installed || !isExecutable(node)) return false;
  const same = (a, b) => a?.version === b?.version && a?.integrity === b?.integrity;
  return (
    Object.keys(installed).every((path) => path in wanted) &&
    Object.entries(wanted).every(
      ([path, want]) => path === '' || same(want, installed[path]) || (want.optional && !installed[path]),
    )
  );
}

/** Whether the bundle is newer than everything that it is made of. */
export function buildIsFresh() {
  if (!existsSync(build)) return true;
  if (!existsSync(bundle)) return false;
  const built = statSync(bundle).mtimeMs;
  return (
    newest([join(root, 'src'), build, join(root, 'package.json'), join(root, 'package-lock.json')]) <= built
  );
}

/** Whether this user may change the checkout. */
export function mayWrite() {
  return [root, join(root, 'node_modules'), join(root, 'dist')]
    .filter((path) => existsSync(path))
    .every(isWritable);
}

function newest(paths) {
  const times = paths.map((path) => {
    const { mtimeMs } = statSync(path);
    if (!statSync(path).isDirectory()) return mtimeMs;
    return Math.max(mtimeMs, newest(readdirSync(path).map((name) => join(path, name))));
  });
  return Math.max(0, ...times);
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined; // not installed yet, or half: both mean that npm must run
  }
}

const isExecutable = (path) => may(path, constants.X_OK);
const isWritable = (path) => may(path, constants.W_OK);

function may(path, mode) {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false; // missing or forbidden: both mean no
  }
}
