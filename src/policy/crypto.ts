/**
 * What the policy needs of cryptography, passed in so that this folder stays pure and a test can count or forge.
 * Keys are raw ed25519 public keys (32 bytes, RFC 8032) in hex.
 */
export interface Crypto {
  /** SHA-256, 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** True when `signature` (64 bytes) over `message` is `peer`'s. False for anything malformed; never throws. */
  verify(peer: PeerKey, message: Uint8Array, signature: Uint8Array): boolean;
}

/** A raw ed25519 public key, 64 lower-case hex digits. */
export type PeerKey = string;

/** The character codes of the hex digits. */
const CODES = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** So many bytes become text at once: their digits are the arguments of one call. */
const CHUNK = 512;

/**
 * Lower-case hex text of bytes. Made of character codes: a text that is put together of short ones stays a tree of them,
 * ten times as large, and ids are what this program has most of.
 */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += CHUNK) {
    const codes: number[] = [];
    for (let i = from; i < Math.min(bytes.length, from + CHUNK); i++) {
      const byte = bytes[i] as number;
      codes.push(CODES[byte >> 4] as number, CODES[byte & 15] as number);
    }
    text += String.fromCharCode.apply(null, codes);
  }
  return text;
}

/** The value of each hex digit by its character code; 255 for any other character. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return value === -1 ? 255 : value;
});

/** The bytes of an even number of lower-case hex digits; undefined for anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = DIGITS[text.charCodeAt(2 * i)] ?? 255;
    const low = DIGITS[text.charCodeAt(2 * i + 1)] ?? 255;
    if (high === 255 || low === 255) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

const encoder = new TextEncoder();

/** UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}
