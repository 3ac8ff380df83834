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

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex text of bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** The bytes of an even number of hex digits; undefined for anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const encoder = new TextEncoder();

/** UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}
