import { existsSync, renameSync } from 'node:fs';
import { DataError, TemporaryError } from '../errors.ts';
import { type HomeFile, readHomeFile, writeHomeFile } from './home-file.ts';

/** Keeps the home file of this router, in memory and on disk alike. */
export class HomeKeeper {
  readonly #path: string;
  #file: HomeFile;

  private constructor(path: string, file: HomeFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * The home of this router; a new one where there is none. DataError when the file is damaged, or gone while there is a
   * store: a new home would not be the one that the store belongs to.
   */
  static open(path: string, store: string, found: () => HomeFile): HomeKeeper {
    const there = readHomeFile(path);
    if (there !== undefined) return new HomeKeeper(path, there);
    if (existsSync(store)) {
      throw new DataError(`${path} is missing, but the store of a home is here`, {
        hint: `put the file back from a copy; or move ${store} away and join the home again`,
      });
    }
    const keeper = new HomeKeeper(path, found());
    writeHomeFile(path, keeper.#file);
    return keeper;
  }

  read(): HomeFile {
    return this.#file;
  }

  /** Writes what differs; a file that says the same is left alone. */
  write(file: HomeFile): void {
    if (JSON.stringify(file) === JSON.stringify(this.#file)) return;
    writeHomeFile(this.#path, file);
    this.#file = file;
  }

  /** As {@link write}, for what is only convenient to know: a disk that takes nothing is tried again the next time. */
  remember(file: HomeFile): void {
    try {
      this.write(file);
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
    }
  }

  /** Another home takes the place of ours: its file, and an empty store; ours is put aside under a name with `stamp`. */
  move(file: HomeFile, store: string, stamp: number): void {
    renameSync(store, `${store}.left-${stamp}`);
    this.write(file);
  }

  /**
   * This router has left its home: the store, the home file and its key are put aside under names with `stamp`, in this order, so
   * that what is cut short can be done again. The next start founds a home with a new key: the old one never comes back.
   */
  putAside(store: string, key: string, stamp: number): void {
    for (const path of [store, this.#path, key])
      if (existsSync(path)) renameSync(path, `${path}.left-${stamp}`);
  }
}
