/** Where things lie in a store, version 2. Keyspaces are numbered, and a number is never given to something else. */
export const KEYSPACE = {
  meta: '0',
  /** Ops of version 1, by author and chain. */
  opsByChain: '1',
  registers: '2',
  /** Ops by number. */
  ops: '3',
  pages: '4',
  notes: '5',
} as const;

export const STORE_VERSION = 2;

/** The version of the store and the home it belongs to, as JSON. */
export const META_KEY = `${KEYSPACE.meta}!store`;

/** All keys of a keyspace, or those from a number on. */
export function rangeOf(keyspace: string, from?: number): { gte: string; lt: string } {
  return { gte: from === undefined ? `${keyspace}!` : numbered(keyspace, from), lt: `${keyspace}"` };
}

/** The key of op number `n`. */
export function opKey(n: number): string {
  return numbered(KEYSPACE.ops, n);
}

/** The key of the page with that index. */
export function pageKey(index: number): string {
  return numbered(KEYSPACE.pages, index);
}

/** `node`: undefined for the peer's card. */
export function registerKey(peer: string, node: string | undefined): string {
  return `${KEYSPACE.registers}!${peer}!${node ?? ''}`;
}

export function noteKey(name: string): string {
  return `${KEYSPACE.notes}!${name}`;
}

/** Eight hex digits, so that the order of the keys is that of the numbers. */
function numbered(keyspace: string, n: number): string {
  return `${keyspace}!${n.toString(16).padStart(8, '0')}`;
}
