import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { HomeId } from '../policy/identity.ts';
import { lacksCurrent } from './damage.ts';
import { readFileIfThere, replaceFile } from './files.ts';
import { isDamage, openSmall } from './level.ts';
import type { SeenStore } from './seen-store.ts';
import { type SeenDatabase, type SeenSource, WaitingSeenStore } from './seen-waiting.ts';

export interface SeenLevelOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The ids in it mean something in this home only. */
  readonly home: HomeId;
}

/** A folder of a later version is left alone. */
const SEEN_VERSION = 1;
/** So many folders that were put aside are kept, of each kind. */
const KEPT_ASIDE = 2;

/**
 * Opens what this router has seen, in a folder of its own. Never rejects: a damaged folder and one of another home are put
 * aside (`<folder>.damaged-<time>`, `<folder>.left-<time>`, Unix milliseconds) and begun anew; one of a newer version is not
 * touched and nothing is kept; on a disk that takes nothing writes wait, and are tried again with every flush.
 */
export async function openSeenStore(folder: string, options: SeenLevelOptions): Promise<SeenStore> {
  const store = new WaitingSeenStore(new LevelSource(folder, options));
  await store.open();
  return store;
}

class LevelSource implements SeenSource {
  readonly #folder: string;
  readonly #options: SeenLevelOptions;
  #damage: string | undefined;
  putAside: string | undefined;

  constructor(folder: string, options: SeenLevelOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async open(): Promise<{ readonly database: SeenDatabase } | { readonly off: string }> {
    const found = this.#look();
    if (found.kind === 'newer')
      return { off: 'what was seen is kept by a newer Hedgerow: update this router' };
    if (found.kind === 'damaged') this.#aside('damaged', found.why);
    if (found.kind === 'left') this.#aside('left', 'it is of another home');
    try {
      return { database: await this.#openHere() };
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#aside('damaged', messageOf(error));
      return { database: await this.#openHere() };
    }
  }

  failed(error: unknown): void {
    if (isDamage(error)) this.#damage = messageOf(error);
  }

  async #openHere(): Promise<SeenDatabase> {
    if (!existsSync(this.#folder)) {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const { home } = this.#options;
      replaceFile(join(this.#folder, 'VERSION'), JSON.stringify({ version: SEEN_VERSION, home }));
    }
    return await openSmall(this.#folder);
  }

  /** What is in the folder, without opening the database: that alone would rewrite its files. */
  #look(): { kind: 'ours' | 'newer' | 'left' } | { kind: 'damaged'; why: string } {
    if (!existsSync(this.#folder)) return { kind: 'ours' };
    const said = readVersion(readFileIfThere(join(this.#folder, 'VERSION')));
    if (said === undefined) return { kind: 'damaged', why: 'it does not say what it is' };
    if (said.version > SEEN_VERSION) return { kind: 'newer' };
    if (said.home !== this.#options.home) return { kind: 'left' };
    const why = lacksCurrent(this.#folder) ? 'its file CURRENT is missing' : this.#damage;
    return why === undefined ? { kind: 'ours' } : { kind: 'damaged', why };
  }

  #aside(kind: 'damaged' | 'left', why: string): void {
    const { clock, log } = this.#options;
    const to = `${this.#folder}.${kind}-${clock.now()}`;
    rmSync(to, { recursive: true, force: true });
    renameSync(this.#folder, to);
    this.#damage = undefined;
    // Whoever joins another home expects that; damage nobody does.
    if (kind === 'damaged') this.putAside = `what was seen before could not be used (${why}): it is in ${to}`;
    log.warn({ why, folder: to }, 'what was seen before was put aside, and is begun anew');
    const parent = dirname(this.#folder);
    const prefix = `${basename(this.#folder)}.${kind}-`;
    const stamp = (name: string) => Number(name.slice(prefix.length));
    const older = readdirSync(parent).filter((name) => name.startsWith(prefix));
    older.sort((x, y) => stamp(y) - stamp(x));
    // The one just made stays, also when the clock says that it is the oldest.
    const others = older.filter((name) => name !== basename(to));
    for (const name of others.slice(KEPT_ASIDE - 1))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function readVersion(bytes: Uint8Array | undefined): { version: number; home: unknown } | undefined {
  let said: unknown;
  try {
    said = JSON.parse(Buffer.from(bytes ?? []).toString());
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null || !('version' in said) || !('home' in said))
    return undefined;
  const version = Number(said.version);
  return Number.isInteger(version) && version > 0 ? { version, home: said.home } : undefined;
}
