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

/** Canonical text of six bytes; undefined for zero and for group addresses, as in canonicalMac(). */
export function macAt(bytes: Uint8Array, at: number): Mac | undefined {
  if (at + 6 > bytes.length || ((bytes[at] ?? 0) & 1) === 1) return undefined;
  let text = HEX[bytes[at] ?? 0] ?? '';
  let any = bytes[at] ?? 0;
  for (let i = 1; i < 6; i++) {
    const byte = bytes[at + i] ?? 0;
    any |= byte;
    text += `:${HEX[byte]}`;
  }
  return any === 0 ? undefined : text;
}

/** Canonical text of four bytes. */
export function ipv4At(bytes: Uint8Array, at: number): Address {
  return `${bytes[at] ?? 0}.${bytes[at + 1] ?? 0}.${bytes[at + 2] ?? 0}.${bytes[at + 3] ?? 0}`;
}

/** Canonical text (RFC 5952) of sixteen bytes; an IPv4-mapped address becomes IPv4, as in canonicalAddress(). */
export function ipv6At(bytes: Uint8Array, at: number): Address {
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
