/** Builds the agent and the CLI as minified bundles into dist/, with the native part of the store and the table of vendors. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import registry from 'oui-data' with { type: 'json' };
import { keepFormerChunks } from './former-chunks.ts';
import { packVendors, VENDORS_NOTICE } from './vendors.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
/** Built here and then put in place, so that whoever starts meanwhile finds the old one whole. */
const fresh = join(root, 'dist.new');

/** Packages that are CommonJS expect these; every chunk gets them, and those that do without lose them again. */
const COMMONJS = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
const __dirname = import.meta.dirname;
const __filename = import.meta.filename;`;

/** Unix milliseconds: no clock that shows less is right. SOURCE_DATE_EPOCH makes builds that can be repeated. */
const builtAt = Number(process.env.SOURCE_DATE_EPOCH ?? Math.floor(Date.now() / 1000)) * 1000;
if (!Number.isSafeInteger(builtAt)) throw new RangeError('SOURCE_DATE_EPOCH is not a number of seconds');

rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh);
await build({
  entryPoints: { hedgerow: join(root, 'src/cli/entry.ts') },
  outdir: fresh,
  bundle: true,
  splitting: true,
  // Without `keepNames`: it names every closure anew whenever it is made (a sixth of a start with 73,000 ops). Nothing here
  // tells errors apart by the names of their classes.
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  legalComments: 'none',
  chunkNames: 'chunk-[hash]',
  banner: { js: COMMONJS },
  alias: {
    'string-width': join(root, 'scripts/string-width.ts'),
    // The same as modules instead of CommonJS: only what is used of it is loaded (a tenth of a command's time).
    yaml: join(root, 'node_modules/yaml/browser/index.js'),
  },
  define: { HEDGEROW_BUILT_AT: String(builtAt) },
  logLevel: 'warning',
});
// Each costs whoever loads the chunk half a millisecond, and nearly all chunks do without.
for (const name of readdirSync(fresh)) {
  const text = readFileSync(join(fresh, name), 'utf8');
  const without = text.replace(`${COMMONJS}\n`, '');
  if (!/require|__dirname|__filename/.test(without)) writeFileSync(join(fresh, name), without);
}
chmodSync(join(fresh, 'hedgerow.js'), 0o755);

const level = dirname(createRequire(import.meta.url).resolve('classic-level/package.json'));
for (const platform of readdirSync(join(level, 'prebuilds'))) {
  if (!platform.startsWith('linux-')) continue;
  cpSync(join(level, 'prebuilds', platform), join(fresh, 'prebuilds', platform), { recursive: true });
}
writeFileSync(join(fresh, 'vendors.bin'), packVendors(registry));
writeFileSync(join(fresh, 'NOTICE'), VENDORS_NOTICE);
// So that Node need not find out by trying, wherever this folder is put.
writeFileSync(join(fresh, 'package.json'), '{"type":"module"}\n');
keepFormerChunks(dist, fresh);
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);
