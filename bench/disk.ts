/** A folder on a real disk for what agents keep, and what a synced write costs there. */
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../lab/error.ts';
import { type Figure, figure } from './figures.ts';

/** The number of tmpfs in statfs(2). */
const TMPFS = 0x01021994;

/**
 * Runs with a fresh folder under $TMPDIR (default /tmp) and removes it afterwards.
 * @throws LabError when that is in memory: its synced writes would be free
 */
export async function withDisk<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-bench-'));
  try {
    if ((await statfs(folder)).type === TMPFS) {
      throw new LabError(`${tmpdir()} is in memory, not on a disk`, {
        hint: 'name a folder on a disk in TMPDIR',
      });
    }
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What it costs to append 200 bytes and wait for the disk (fdatasync(2)), milliseconds. */
export async function syncedWrites(folder: string, count = 100): Promise<Figure> {
  const file = await open(join(folder, 'synced'), 'w');
  const bytes = new Uint8Array(200);
  const took: number[] = [];
  try {
    for (let n = 0; n < count; n++) {
      const begun = performance.now();
      await file.write(bytes);
      await file.datasync();
      took.push(performance.now() - begun);
    }
  } finally {
    await file.close();
  }
  return figure(took);
}
