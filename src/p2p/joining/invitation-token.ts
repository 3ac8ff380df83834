import { createHash } from 'node:crypto';
import { multiaddr } from '@multiformats/multiaddr';
import { Message, Writer } from '../../policy/codec.ts';
import { fromHex, type PeerKey, toHex } from '../../policy/crypto.ts';
import type { HomeId } from '../../policy/identity.ts';
import { isAnnounceable, parseAddress } from '../addresses.ts';
import { accept, type Decoded, refuse } from '../wire.ts';

/** A router that may admit, and where it listens, as multiaddrs. */
export interface TokenAdmin {
  readonly peer: PeerKey;
  readonly addresses: readonly string[];
}

/** What `hedgerow invite` prints: all that a router needs to be let in once. A secret, also after it was used. */
export interface InvitationToken {
  readonly home: HomeId;
  /** The pre-shared key of the overlay, 32 bytes in hex. */
  readonly psk: string;
  /** The seed of the key that lets in once, 32 bytes. */
  readonly seed: Uint8Array;
  /** When it ends, Unix milliseconds, by a clock that may be wrong: for the person who reads it only. */
  readonly until: number;
  /** Whom to ask, in this order; the first is the inviter. */
  readonly admins: readonly TokenAdmin[];
}

export const TOKEN_PREFIX = 'hedgerow-invite2.';
const MAX_TEXT = 4_096;
/** Each costs 60 characters, and all of it goes into a QR code. */
export const MAX_ADMINS = 4;
const MAX_ADDRESSES = 8;
/** Of admins other than the inviter fewer addresses are written. */
const OTHERS_ADDRESSES = 2;
const MAX_ADDRESS = 200;
const SUM_BYTES = 4;

/** The text of a token (docs/protocol.md, "Joining"). */
export function encodeToken({ home, psk, seed, until, admins }: InvitationToken): string {
  const content = new Writer()
    .bytes(1, fromHex(home))
    .bytes(2, fromHex(psk))
    .bytes(3, seed)
    .number(4, Math.max(0, Math.floor(until)))
    .each(
      5,
      admins
        .slice(0, MAX_ADMINS)
        .map((admin, n) => encodeAdmin(admin, n === 0 ? MAX_ADDRESSES : OTHERS_ADDRESSES)),
    )
    .finish();
  return TOKEN_PREFIX + Buffer.concat([content, sumOf(content)]).toString('base64url');
}

/** Reads what a person pasted. Never throws. */
export function decodeToken(text: string): Decoded<InvitationToken> {
  const typed = text.trim();
  if (typed.startsWith('hedgerow-invite1.')) return refuse('it is of an older Hedgerow: make a new one');
  if (!typed.startsWith(TOKEN_PREFIX)) return refuse(`it does not begin with ${TOKEN_PREFIX}`);
  const coded = typed.slice(TOKEN_PREFIX.length);
  if (typed.length > MAX_TEXT || !/^[\w-]+$/.test(coded)) return refuse('it is not whole');
  const bytes = Buffer.from(coded, 'base64url');
  if (bytes.toString('base64url') !== coded) return refuse('it is not whole');
  const content = bytes.subarray(0, Math.max(0, bytes.length - SUM_BYTES));
  if (!sumOf(content).equals(bytes.subarray(content.length))) return refuse('it is not whole');
  const from = Message.read(content);
  const [home, psk, seed] = [1, 2, 3].map((tag) => from?.bytes(tag, 32));
  if (from === undefined || !home || !psk || !seed) return refuse('something is missing in it');
  const admins = from.each(5).map(decodeAdmin);
  const whole = admins.filter((admin) => admin !== undefined);
  if (whole.length === 0 || whole.length > MAX_ADMINS || whole.length !== admins.length)
    return refuse('it names no router that can be asked');
  return accept({
    home: toHex(home),
    psk: toHex(psk),
    seed: Uint8Array.from(seed),
    until: from.number(4),
    admins: whole,
  });
}

/** The addresses that another router can dial, if there are any, else all: a token is short. */
export function dialable(addresses: readonly string[]): string[] {
  const texts = addresses.flatMap((text) => parseAddress(text)?.text ?? []);
  const outside = texts.filter(isAnnounceable);
  return [...new Set(outside.length > 0 ? outside : texts)].filter((text) => text.length <= MAX_ADDRESS);
}

function encodeAdmin({ peer, addresses }: TokenAdmin, most: number): Uint8Array {
  const some = dialable(addresses).slice(0, most);
  return new Writer()
    .bytes(1, fromHex(peer))
    .each(
      2,
      some.map((text) => multiaddr(text).bytes),
    )
    .finish();
}

function decodeAdmin(bytes: Uint8Array): TokenAdmin | undefined {
  const from = Message.read(bytes);
  const peer = from?.bytes(1, 32);
  const addresses = from?.each(2).map(decodeAddress);
  if (peer === undefined || addresses === undefined || addresses.length > MAX_ADDRESSES) return undefined;
  const known = addresses.filter((each) => each !== undefined);
  return known.length === addresses.length ? { peer: toHex(peer), addresses: known } : undefined;
}

/** An address in the bytes of a multiaddr: a third of its text. */
function decodeAddress(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_ADDRESS) return undefined;
  try {
    return parseAddress(multiaddr(bytes).toString())?.text;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** Finds what was not pasted whole. */
function sumOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, SUM_BYTES);
}
