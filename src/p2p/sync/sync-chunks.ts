import type { PeerKey } from '../../policy/crypto.ts';
import type { RegisterMark } from '../replicated.ts';

/** Ops and registers travel in chunks of at most so many bytes (overlay.md); one that is larger goes alone. */
export const CHUNK_BYTES = 60 * 1024;

/** Cuts items into runs of at most {@link CHUNK_BYTES}, in order. Lazy: nothing is read ahead of the chunk. */
export function* chunks<T>(items: Iterable<T>, sizeOf: (item: T) => number): Generator<T[]> {
  let chunk: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (chunk.length > 0 && bytes + size > CHUNK_BYTES) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(item);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

/** The same with a flag on the last chunk; there is always a last one, which may be empty. */
export function* flaggedChunks<T>(
  items: Iterable<T>,
  sizeOf: (item: T) => number,
): Generator<{ part: T[]; last: boolean }> {
  let waiting: T[] | undefined;
  for (const part of chunks(items, sizeOf)) {
    if (waiting !== undefined) yield { part: waiting, last: false };
    waiting = part;
  }
  yield { part: waiting ?? [], last: true };
}

/** The peers of whom two replicas hold different ops, sorted: both sides come to the same list. */
export function differing(
  ours: ReadonlyMap<PeerKey, string>,
  theirs: ReadonlyMap<PeerKey, string>,
): PeerKey[] {
  const peers = new Set([...ours.keys(), ...theirs.keys()]);
  return [...peers].filter((peer) => ours.get(peer) !== theirs.get(peer)).sort();
}

/** True when two vectors say the same. */
export function sameMarks(
  a: ReadonlyMap<PeerKey, RegisterMark>,
  b: ReadonlyMap<PeerKey, RegisterMark>,
): boolean {
  if (a.size !== b.size) return false;
  for (const [peer, mark] of a) {
    const other = b.get(peer);
    if (other?.gen !== mark.gen || other.rev !== mark.rev) return false;
  }
  return true;
}
