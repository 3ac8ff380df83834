import type { ConntrackEntry, Tuple } from '../observe/conntrack.ts';

/** What an entry is called in 64 bits, as two signed halves. */
export interface EntryKey {
  readonly high: number;
  readonly low: number;
}

/**
 * The kernel's id (a keyed hash of the entry's place in memory and its tuple, 32 bits) together with a hash of the
 * tuples: ids alone meet by chance within hours on a busy router. Where there are no ids (/proc), two hashes. `seed` is
 * drawn by the caller, so that nobody can make two connections meet.
 */
export function entryKey({ id, protocol, original, reply }: ConntrackEntry, seed: number): EntryKey {
  let low = seed ^ protocol;
  low = tupleHash(original, low);
  if (id !== undefined) return { high: id | 0, low };
  low = tupleHash(reply, low);
  return { high: tupleHash(original, tupleHash(reply, ~low)), low };
}

function tupleHash({ src, dst, sport, dport }: Tuple, seed: number): number {
  const ports = Math.imul(seed ^ (sport * 65_536 + dport), 0x9e37_79b1);
  return mixed(textHash(dst, mixed(textHash(src, ports))));
}

/** FNV-1a (Fowler, Noll, Vo), over the letters of an address. */
function textHash(text: string, seed: number): number {
  let hash = seed ^ 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash;
}

/** The finaliser of MurmurHash3 (Appleby): every bit of the result hangs on every bit of the input. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
