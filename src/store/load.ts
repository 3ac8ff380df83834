import { messageOf } from '../errors.ts';
import { isPageOf } from '../policy/ledger-page.ts';
import { unsealed } from './damage.ts';
import type { Database } from './database.ts';
import { KEYSPACE, opKey, pageKey, rangeOf } from './keyspaces.ts';
import { damaged } from './meta.ts';

/** What a start reads of a store. Every op is in one of these once. */
export interface Contents {
  /** Whole pages, from the first one on. Their ops are there, and are read when they are wanted. */
  readonly pages: readonly Uint8Array[];
  /** The ops after the pages, in order of admission. */
  readonly tail: readonly Uint8Array[];
  /** The ops of a store of version 1: each chain in order, authors in no useful order. */
  readonly unordered: readonly Uint8Array[];
  readonly registers: readonly Uint8Array[];
  /** Keys that this version writes anew elsewhere. */
  readonly obsolete: readonly string[];
}

/** Reads a store of version 2. DataError when an op is missing or something is not what was written. */
export async function readContents(database: Database, pageOps: number): Promise<Contents> {
  const pages = await readPages(database, pageOps);
  for (const [index] of pages.entries()) {
    const last = (index + 1) * pageOps - 1;
    if (!isThere(database, opKey(last))) throw damaged(`a page is there without its op ${last}`);
  }
  const tail: Uint8Array[] = [];
  const first = pages.length * pageOps;
  const ops = await readAll(database, KEYSPACE.ops, first);
  for (const { key, value } of ops) {
    if (key !== opKey(first + tail.length)) throw damaged(`op ${first + tail.length} is missing`);
    tail.push(value);
  }
  const registers = (await readAll(database, KEYSPACE.registers)).map(({ value }) => value);
  return { pages, tail, unordered: [], registers, obsolete: [] };
}

/** Reads a store of version 1, whose ops lie by author and chain. DataError as above. */
export async function readContentsOfVersion1(database: Database): Promise<Contents> {
  const ops = await readAll(database, KEYSPACE.opsByChain);
  return {
    pages: [],
    tail: [],
    unordered: ops.map(({ value }) => value),
    registers: (await readAll(database, KEYSPACE.registers)).map(({ value }) => value),
    obsolete: ops.map(({ key }) => key),
  };
}

/**
 * The whole pages up to the first one that is missing, damaged or of another version: what is in the others is read from the
 * ops, and they are written anew.
 */
async function readPages(database: Database, pageOps: number): Promise<Uint8Array[]> {
  const pages: Uint8Array[] = [];
  try {
    for await (const [key, value] of database.iterator(rangeOf(KEYSPACE.pages))) {
      if (key !== pageKey(pages.length)) break;
      const page = unsealed(value);
      if (!isPageOf(page, pageOps)) break;
      pages.push(page);
    }
  } catch {
    // The pages up to here are good. If more than a page is damaged, reading the ops tells.
    return pages;
  }
  return pages;
}

async function readAll(
  database: Database,
  keyspace: string,
  from?: number,
): Promise<{ key: string; value: Uint8Array }[]> {
  const all: { key: string; value: Uint8Array }[] = [];
  try {
    for await (const [key, value] of database.iterator(rangeOf(keyspace, from)))
      all.push({ key, value: unsealed(value) });
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
  return all;
}

function isThere(database: Database, key: string): boolean {
  try {
    return database.getSync(key) !== undefined;
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
}
