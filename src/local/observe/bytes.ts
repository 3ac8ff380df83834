import type { Address, Mac } from '../../policy/block-set.ts';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Big-endian (network order), two bytes. 0 beyond the end: callers check the length first. */
export function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Big-endian, four bytes, unsigned. */
export function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 65_536 + u16(bytes, at + 2);
}

/** A few frames in a row have the same ends: their texts are made once. By the value of the bytes; emptied when full. */
class Texts {
  readonly #byValue = new Map<number, string>();

  of(value: number, make: () => string): string {
    const known = this.#byValue.get(value);
    if (known !== undefined) return known;
    if (this.#byValue.size >= MAX_TEXTS) this.#byValue.clear();
    const text = make();
    this.#byValue.set(value, text);
    return text;
  }
}

const MAX_TEXTS = 4_096;
const macs = new Texts();
const addresses = new Texts();

/** Canonical text of six bytes; undefined for zero and for group addresses, as in canonicalMac(). */
export function macAt(bytes: Uint8Array, at: number): Mac | undefined {
  if (at + 6 > bytes.length || ((bytes[at] ?? 0) & 1) === 1) return undefined;
  const value = u16(bytes, at) * 2 ** 32 + u32(bytes, at + 2);
  if (value === 0) return undefined;
  return macs.of(value, () => Array.from(bytes.subarray(at, at + 6), (byte) => HEX[byte]).join(':'));
}

/** Canonical text of four bytes. */
export function ipv4At(bytes: Uint8Array, at: number): Address {
  return addresses.of(
    u32(bytes, at),
    () => `${bytes[at] ?? 0}.${bytes[at + 1] ?? 0}.${bytes[at + 2] ?? 0}.${bytes[at + 3] ?? 0}`,
  );
}

/** By a sum of their bytes; another address with the same sum takes the place. */
const sixteens: ({ readonly bytes: Uint8Array; readonly text: Address } | undefined)[] = new Array(MAX_TEXTS);

/** Canonical text (RFC 5952) of sixteen bytes; an IPv4-mapped address becomes IPv4, as in canonicalAddress(). */
export function ipv6At(bytes: Uint8Array, at: number): Address {
  let sum = 0;
  for (let i = at; i < at + 16; i++) sum = (sum * 31 + (bytes[i] ?? 0)) & (MAX_TEXTS - 1);
  const known = sixteens[sum];
  if (known !== undefined && isAt(bytes, at, known.bytes)) return known.text;
  const own = Uint8Array.from({ length: 16 }, (_, i) => bytes[at + i] ?? 0);
  const text = textOfSixteen(own, 0);
  sixteens[sum] = { bytes: own, text };
  return text;
}

function isAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if ((bytes[at + i] ?? 0) !== wanted[i]) return false;
  return true;
}

function textOfSixteen(bytes: Uint8Array, at: number): Address {
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push(u16(bytes, at + i));
  if (words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0)) return ipv4At(bytes, at + 12);
  let [best, bestLength] = [-1, 1];
  for (let i = 0; i < 8; ) {
    let length = 0;
    while (i + length < 8 && words[i + length] === 0) length += 1;
    // The longest run of at least two zero words; the first of equals.
    if (length > bestLength) [best, bestLength] = [i, length];
    i += Math.max(1, length);
  }
  const text = (part: number[]) => part.map((word) => word.toString(16)).join(':');
  if (best < 0) return text(words);
  return `${text(words.slice(0, best))}::${text(words.slice(best + bestLength))}`;
}
