/**
 * Every test: lint, types, then vitest, in this order; arguments go to vitest. The last line has the figures,
 * `N passed, N failed` (and `, N skipped`); a failed lint or type check counts as one failed, and so does a test file that
 * could not run. Exit code 0 only if nothing failed and nothing was skipped.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseCLI, startVitest, type Vitest } from 'vitest/node';

const root = join(import.meta.dirname, '..');

const figures = { passed: 0, failed: 0, skipped: 0 };

check('Lint', ['biome', 'check', '.']);
check('Types', ['tsc', '--noEmit']);
heading('Tests');
const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const vitest = await startVitest('test', filter, { ...options, root, watch: false });
addTests(vitest);
await vitest.close();

const { passed, failed, skipped } = figures;
process.exitCode = failed === 0 && skipped === 0 && passed > 0 ? 0 : 1;
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);

function check(what: string, [command = '', ...args]: readonly string[]): void {
  heading(what);
  const file = join(root, 'node_modules/.bin', command);
  const { status, error } = spawnSync(process.execPath, [file, ...args], { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  figures.failed += 1;
  console.log(`${what} failed${error ? `: ${error.message}` : ''}`);
}

function heading(what: string): void {
  console.log(`\n── ${what} ──`);
}

function addTests({ state }: Vitest): void {
  for (const file of state.getTestModules()) {
    for (const test of file.children.allTests()) {
      const result = test.result().state;
      if (result === 'passed') figures.passed += 1;
      else if (result === 'failed') figures.failed += 1;
      else {
        figures.skipped += 1;
        console.log(`not run: ${test.fullName} (${file.relativeModuleId})`);
      }
    }
    if (file.errors().length > 0) {
      figures.failed += 1;
      console.log(`could not run: ${file.relativeModuleId}`);
    }
  }
  const unhandled = state.getUnhandledErrors().length;
  figures.failed += unhandled;
  if (unhandled > 0) console.log(`errors outside of every test: ${unhandled}`);
}
