import { DataError, messageOf } from '../errors.ts';
import type { HomeId } from '../policy/identity.ts';
import { type Database, type Entry, HINT } from './database.ts';
import { META_KEY, STORE_VERSION } from './keyspaces.ts';

/** What a store says of itself in this version. */
export function metaEntry(home: HomeId): Entry {
  const value = new TextEncoder().encode(JSON.stringify({ version: STORE_VERSION, home }));
  return { type: 'put', key: META_KEY, value };
}

/**
 * The version of a store of this home; undefined when it is empty. DataError when it is newer than this program, of another
 * home, or does not say what it is.
 */
export async function readVersion(database: Database, home: HomeId): Promise<number | undefined> {
  const meta = await readMeta(database);
  if (meta === undefined) return undefined;
  if (meta.version > STORE_VERSION) {
    throw new DataError('the store was written by a newer Hedgerow', {
      hint: 'update Hedgerow on this router',
    });
  }
  if (meta.home !== home) throw new DataError('the store belongs to another home', { hint: HINT });
  return meta.version;
}

/** What a damaged store is refused with. */
export function damaged(why: string, cause?: unknown): DataError {
  return new DataError(`the store is damaged: ${why}`, { cause, hint: HINT });
}

async function readMeta(database: Database): Promise<{ version: number; home: string } | undefined> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await database.get(META_KEY);
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
  if (bytes === undefined) {
    for await (const _ of database.keys({ limit: 1 })) throw damaged('it does not say what it is');
    return undefined;
  }
  let meta: unknown;
  try {
    meta = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw damaged('it does not say what it is', cause);
  }
  if (typeof meta === 'object' && meta !== null && 'version' in meta && 'home' in meta) {
    const version = Number(meta.version);
    if (Number.isInteger(version) && version > 0) return { version, home: String(meta.home) };
  }
  throw damaged('it does not say what it is');
}
