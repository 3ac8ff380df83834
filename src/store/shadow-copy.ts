import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** File systems in memory (hier(7), shm_overview(7)); the first that takes the copy. */
const PLACES = ['/run', '/dev/shm'];
const PREFIX = 'hedgerow-store-';

/** A copy of a folder in memory, for what only needs to be read: the folder's own disk cannot be written. */
export class ShadowCopy {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Undefined when there is no room for it. */
  static of(folder: string): ShadowCopy | undefined {
    for (const place of PLACES.filter((path) => existsSync(path))) {
      removeOrphans(place);
      const copy = join(place, `${PREFIX}${process.pid}`);
      try {
        rmSync(copy, { recursive: true, force: true });
        mkdirSync(copy, { mode: 0o700 });
        // LOCK is of the other folder.
        cpSync(folder, copy, { recursive: true, filter: (path) => !path.endsWith('/LOCK') });
        return new ShadowCopy(copy);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error)) throw error;
        // Not ours to write, or full: the next place.
        rmSync(copy, { recursive: true, force: true });
      }
    }
    return undefined;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Copies of agents that were killed. */
function removeOrphans(place: string): void {
  for (const name of readdirSync(place)) {
    const pid = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '';
    if (/^\d+$/.test(pid) && !existsSync(`/proc/${pid}`)) {
      rmSync(join(place, name), { recursive: true, force: true });
    }
  }
}
