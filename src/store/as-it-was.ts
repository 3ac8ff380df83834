import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The files of a store as they were before LevelDB opened it. Opening rewrites: a damaged log is replaced by what could be
 * read of it, and the old one deleted. A store that turns out to be damaged must be left as it was, for a person to
 * look at. Hard links suffice, because LevelDB begins new files and never writes into those it finds.
 */
export class AsItWas {
  readonly #folder: string;
  readonly #copy: string;
  /** False when the copy is left over from a start that was cut short, or belongs to another agent. */
  readonly #own: boolean;
  #over = false;

  /** Takes the copy. One that an interrupted start has left is older, and stays. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#copy = `${folder}.as-it-was`;
    const unfinished = `${this.#copy}.new`;
    rmSync(unfinished, { recursive: true, force: true });
    // Cut short while it was put back.
    if (!existsSync(folder) && existsSync(this.#copy)) renameSync(this.#copy, folder);
    this.#own = existsSync(folder) && !existsSync(this.#copy);
    if (!this.#own) return;
    copyFolder(folder, unfinished);
    renameSync(unfinished, this.#copy);
  }

  /** The store is whole: the copy is not needed any more. */
  forget(): void {
    if (this.#over) return;
    this.#over = true;
    rmSync(this.#copy, { recursive: true, force: true });
  }

  /** Another agent has the store open: only a copy that was made here goes. */
  leave(): void {
    if (this.#own) this.forget();
    this.#over = true;
  }

  /** Puts the files back as they were; does nothing after `forget()`. The database must be closed. */
  putBack(): void {
    if (this.#over || !existsSync(this.#copy)) return;
    this.#over = true;
    rmSync(this.#folder, { recursive: true, force: true });
    renameSync(this.#copy, this.#folder);
  }
}

function copyFolder(from: string, to: string): void {
  try {
    mkdirSync(to, { mode: 0o700 });
    for (const file of readdirSync(from)) linkSync(join(from, file), join(to, file));
  } catch {
    // A file system without hard links.
    rmSync(to, { recursive: true, force: true });
    cpSync(from, to, { recursive: true, preserveTimestamps: true });
  }
}
