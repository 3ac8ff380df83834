import { Column } from './column.ts';
import { fromHex, toHex } from './crypto.ts';
import { type Ledger, NOT_HELD } from './ledger.ts';
import type { Entry, Name } from './ledger-entry.ts';
import { ID_BYTES } from './op-index.ts';

/**
 * A page: what the ledger keeps of so many consecutive ops, in one canonical form that depends on these ops and those
 * before them alone. Varints are those of protobuf, in their shortest form.
 *
 *     layout      1 byte, {@link LAYOUT}
 *     count       varint: ops in the page
 *     ids         32 bytes an op
 *     then for each op n, in order:
 *     parent      varint: n − the number of the op before it in its chain; 0 begins a chain, and then
 *                 follow 32 bytes of the peer and 16 bytes of the run
 *     records     varint: how many; then a byte each: its kind (its field number; 0: not known)
 *     over        varint: how many records it retires; then for each
 *                 varint: n − the number of the op that added it; 0 when that was not held before n, and then follow
 *                 the 32 bytes of its id
 *                 varint: the index of the record in its op
 */
export const LAYOUT = 1;
// A kind that this version does not know is 0 in its pages: a version that knows more kinds takes the next layout, and
// makes the pages of this one anew from the ops.

const PEER_BYTES = 32;
const RUN_BYTES = 16;
const MAX_KIND = 10;
const MAX_INDEX = 0xffff;
const NOTHING: readonly Name[] = [];

/** The page of `count` ops from op `first` on, all of which the ledger holds. */
export function encodePage(ledger: Ledger, first: number, count: number): Uint8Array {
  const to = Column.ofBytes();
  to.push(LAYOUT);
  putVarint(to, count);
  for (let n = first; n < first + count; n++) to.append(ledger.idBytesOf(n));
  for (let n = first; n < first + count; n++) {
    const parent = ledger.parentOf(n);
    putVarint(to, parent === NOT_HELD ? 0 : n - parent);
    if (parent === NOT_HELD) {
      const { peer, run } = ledger.chainOf(n);
      to.append(fromHex(peer + run) ?? []);
    }
    const records = ledger.recordsFrom(n);
    putVarint(to, ledger.recordsOf(n));
    for (let i = 0; i < ledger.recordsOf(n); i++) to.push(ledger.kindAt(records + i));
    const [from, end] = [ledger.namesFrom(n), ledger.namesFrom(n + 1)];
    putVarint(to, end - from);
    for (let name = from; name < end; name++) putName(to, ledger, n, name);
  }
  return to.slice(0, to.length);
}

function putName(to: Column<Uint8Array>, ledger: Ledger, n: number, name: number): void {
  const op = ledger.namedOp(name);
  const before = op !== NOT_HELD && op < n;
  putVarint(to, before ? n - op : 0);
  if (!before) to.append(ledger.namedIdOf(name));
  putVarint(to, ledger.namedIndex(name));
}

/** True for a page of so many ops in the layout of this version; whether it is whole, {@link decodePage} tells. */
export function isPageOf(bytes: Uint8Array, count: number): boolean {
  const from = new Reader(bytes);
  return from.byte() === LAYOUT && from.varint() === count;
}

/**
 * The entries of a page whose first op has the number `first`; undefined for anything that is not a page of `count` ops.
 * Never throws, and never takes more memory than a few times the bytes.
 */
export function decodePage(bytes: Uint8Array, first: number, count: number): Entry[] | undefined {
  const entries: Entry[] = [];
  return readPage(bytes, first, count, (entry) => entries.push(entry)) ? entries : undefined;
}

/**
 * The same, one entry after the other: at a start nothing has to be kept of them. False when it is not a page after all;
 * the entries before that were told then.
 */
export function readPage(
  bytes: Uint8Array,
  first: number,
  count: number,
  each: (entry: Entry) => void,
): boolean {
  const from = new Reader(bytes);
  if (from.byte() !== LAYOUT || from.varint() !== count) return false;
  const ids = from.bytes(count * ID_BYTES);
  if (ids === undefined) return false;
  for (let i = 0; i < count; i++) {
    const n = first + i;
    const distance = from.varint();
    if (distance === undefined || distance > n) return false;
    const actor = distance === 0 ? from.bytes(PEER_BYTES + RUN_BYTES) : undefined;
    if (distance === 0 && actor === undefined) return false;
    const kinds = readKinds(from);
    const over = readNames(from, n);
    if (kinds === undefined || over === undefined) return false;
    each({
      ids,
      at: i * ID_BYTES,
      follows: actor === undefined ? n - distance : actorOf(actor),
      kinds,
      over,
    });
  }
  return from.done;
}

function actorOf(bytes: Uint8Array): { peer: string; run: string } {
  return { peer: toHex(bytes.subarray(0, PEER_BYTES)), run: toHex(bytes.subarray(PEER_BYTES)) };
}

function readKinds(from: Reader): readonly number[] | undefined {
  const count = from.varint();
  if (count === undefined || count > from.left) return undefined;
  const kinds: number[] = [];
  for (let i = 0; i < count; i++) {
    const kind = from.byte();
    if (kind === undefined || kind > MAX_KIND) return undefined;
    kinds.push(kind);
  }
  return kinds;
}

function readNames(from: Reader, n: number): readonly Name[] | undefined {
  const count = from.varint();
  if (count === 0) return NOTHING;
  // A name takes two bytes at least.
  if (count === undefined || count * 2 > from.left) return undefined;
  const names: Name[] = [];
  for (let i = 0; i < count; i++) {
    const distance = from.varint();
    if (distance === undefined || distance > n) return undefined;
    const id = distance === 0 ? from.bytes(ID_BYTES) : undefined;
    const index = from.varint();
    if ((distance === 0 && id === undefined) || index === undefined || index > MAX_INDEX) return undefined;
    names.push(id === undefined ? { op: n - distance, index } : { id, index });
  }
  return names;
}

function putVarint(to: Column<Uint8Array>, value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    to.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  to.push(rest);
}

/** Reads from the front; undefined at the end and for what is not in its shortest form. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get done(): boolean {
    return this.left === 0;
  }

  byte(): number | undefined {
    return this.#bytes[this.#at++];
  }

  /** Less than 2^28: four bytes are enough for any number of ops that fits into memory. */
  varint(): number | undefined {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at += 1;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      if (byte === undefined) return undefined;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return byte === 0 && shift > 0 ? undefined : value;
    }
    return undefined;
  }

  bytes(length: number | undefined): Uint8Array | undefined {
    if (length === undefined || length > this.left) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
