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
  #over = false;

  /** Takes the copy. The folder must be nobody else's, and without a copy that is {@link leftOver}. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#copy = copyOf(folder);
    const unfinished = `${this.#copy}.new`;
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) return;
    try {
      copyFolder(folder, unfinished);
      renameSync(unfinished, this.#copy);
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      throw error;
    }
  }

  /** The store is whole, or somebody else's: the copy is not needed any more. */
  forget(): void {
    if (this.#over) return;
    this.#over = true;
    rmSync(this.#copy, { recursive: true, force: true });
  }

  /** Puts the files back as they were; does nothing after `forget()`. The database must be closed. */
  putBack(): void {
    if (this.#over || !existsSync(this.#copy)) return;
    this.#over = true;
    putBackLeftOver(this.#folder);
  }
}

/**
 * True when a start was cut short after LevelDB had opened the folder and before it was known to be whole, so that nothing
 * was written into it; or when another agent starts in it at this moment.
 */
export function leftOver(folder: string): boolean {
  return existsSync(copyOf(folder));
}

/** Puts back the files of a start that was cut short. The database must be closed, and nobody else's. */
export function putBackLeftOver(folder: string): void {
  rmSync(`${copyOf(folder)}.new`, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  renameSync(copyOf(folder), folder);
}

function copyOf(folder: string): string {
  return `${folder}.as-it-was`;
}

function copyFolder(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  try {
    for (const file of readdirSync(from)) linkSync(join(from, file), join(to, file));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && isWithoutLinks(String(error.code)))) throw error;
    rmSync(to, { recursive: true, force: true });
    cpSync(from, to, { recursive: true, preserveTimestamps: true });
  }
}

/** What a file system without hard links answers (link(2)). */
function isWithoutLinks(code: string): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(code);
}
