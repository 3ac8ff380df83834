import type { Message } from '../policy/codec.ts';
import { toHex } from '../policy/crypto.ts';

/** The version of `/hedgerow/sync/1` and `/hedgerow/alive/1` that this program speaks. */
export const WIRE_VERSION = 1;

/** What reading foreign bytes comes to; never an exception. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string };

export function accept<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

export function refuse<T>(why: string): Decoded<T> {
  return { ok: false, why };
}

/** Hex of bytes that may not be there. */
export function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : toHex(bytes);
}

/** A digest of 32 bytes, or '' for one that is empty; undefined for anything else. */
export function digestText(from: Message, tag: number): string | undefined {
  const bytes = from.bytes(tag);
  if (bytes === undefined) return from.has(tag) ? undefined : '';
  return bytes.length === 32 || bytes.length === 0 ? toHex(bytes) : undefined;
}
