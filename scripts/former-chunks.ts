import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a build made itself, so that the next one knows it from what this one kept of the one before. */
const OWN = 'chunks.txt';

/**
 * Puts beside a fresh build the chunks of the one that it replaces: an agent that runs loads what is behind a door when somebody
 * first comes, also after an upgrade. Chunks are named by what is in them, so those of two builds stand side by side.
 */
export function keepFormerChunks(dist: string, fresh: string): void {
  const own = readdirSync(fresh).filter(isChunk);
  writeFileSync(join(fresh, OWN), `${own.join('\n')}\n`);
  const before = join(dist, OWN);
  if (!existsSync(before)) return;
  for (const name of readFileSync(before, 'utf8').split('\n')) {
    if (!isChunk(name) || own.includes(name) || !existsSync(join(dist, name))) continue;
    copyFileSync(join(dist, name), join(fresh, name));
  }
}

function isChunk(name: string): boolean {
  return /^chunk-[A-Z0-9]+\.js$/.test(name);
}
