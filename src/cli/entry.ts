#!/usr/bin/env -S node --max-semi-space-size=1
import { enableCompileCache } from 'node:module';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 22) {
  process.stderr.write(`Hedgerow needs Node 22 or later; this is ${process.version}.\n`);
  process.exit(69);
}
enableCompileCache();
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
