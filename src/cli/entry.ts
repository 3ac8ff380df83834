#!/usr/bin/env -S node --max-semi-space-size=1
import module from 'node:module';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 22) {
  process.stderr.write(`Hedgerow needs Node 22 or later; this is ${process.version}.\n`);
  process.exit(69);
}
module.enableCompileCache();
// Whoever reads us may have seen enough: `hedgerow flows | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 74));

// The agent lives for months: it does not hold the parser of the command line for its one option (4 MB).
const [verb, option, file, ...more] = process.argv.slice(2);
const plain = option === undefined || (option === '--config' && file !== undefined && more.length === 0);
if (verb === 'agent' && plain) {
  const [{ serve }, { report }] = await Promise.all([import('./serve.ts'), import('./report.ts')]);
  await serve(file).catch((error: unknown) => report(error, false));
} else if (verb === 'restore' && plain) {
  // The machine waits for it at boot: the parser takes a third of a second on a small router.
  const [{ runRestore }, { report }] = await Promise.all([
    import('./verbs/restore.ts'),
    import('./report.ts'),
  ]);
  await runRestore({ config: file, json: false, dryRun: false }).catch((error: unknown) =>
    report(error, false),
  );
} else {
  const { main } = await import('./main.ts');
  await main(process.argv.slice(2));
}
