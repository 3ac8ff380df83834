import { canonicalMac } from '../../policy/address.ts';
import type { Mac } from '../../policy/block-set.ts';
import { Message, Writer } from '../../policy/codec.ts';
import { fromHex, toHex } from '../../policy/crypto.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import type { Totals } from '../../policy/presence.ts';
import { decodeDescriptor, encodeDescriptor } from '../../policy/register-codec.ts';
import { accept, type Decoded, refuse } from '../wire.ts';

/** One message on a presence stream. */
export interface PresenceMessage {
  readonly version: number;
  /** Counts this side's messages on this stream, from 1: a gap is noticed. */
  readonly seq: number;
  /** A whole statement begins: what it does not repeat up to its end is no longer so. */
  readonly anew: boolean;
  readonly claims: readonly ToldClaim[];
  /** Devices of which nothing is said any more. */
  readonly gone: readonly Mac[];
  /** At the end of a statement: how many devices it speaks of in all, plus one; 0: more follows. */
  readonly end: number;
  /** Asks the other side to say everything again. */
  readonly again: boolean;
}

/** One claim as it travels: ages instead of times. */
export interface ToldClaim {
  readonly mac: Mac;
  /** Names and addresses, without its id and MAC; undefined: as told before. */
  readonly about: Pick<Descriptor, 'addresses' | 'names'> | undefined;
  /** How long it has been there, and how long ago it was heard, milliseconds; undefined: not there. */
  readonly stay: { readonly sinceMs: number; readonly seenMs: number } | undefined;
  readonly bytes: Totals | undefined;
}

/** The most that a claim may say. */
export const MAX_TOLD_ADDRESSES = 16;
export const MAX_TOLD_NAMES = 8;
/** No age is greater: a year, milliseconds. */
const MAX_AGE_MS = 366 * 86_400_000;

/** The bytes of a claim; a message holds several. */
export function encodeClaim({ mac, about, stay, bytes }: ToldClaim): Uint8Array {
  return new Writer()
    .bytes(1, macBytes(mac))
    .bytes(2, about === undefined ? undefined : encodeAbout(about))
    .number(3, stay === undefined ? 0 : 1)
    .number(4, age(stay?.sinceMs))
    .number(5, age(stay?.seenMs))
    .number(6, bytes === undefined ? 0 : 1)
    .number(7, bytes?.up)
    .number(8, bytes?.down)
    .finish();
}

/** The bytes of a message; its claims come encoded, so that their size is known while it is filled. */
export function encodePresence(
  message: Omit<PresenceMessage, 'claims'> & { readonly claims: readonly Uint8Array[] },
): Uint8Array {
  return new Writer()
    .number(1, message.version)
    .number(2, message.seq)
    .number(3, message.anew ? 1 : 0)
    .each(4, message.claims)
    .each(5, message.gone.map(macBytes))
    .number(6, message.end)
    .number(7, message.again ? 1 : 0)
    .finish();
}

/** Reads a message. Never throws. */
export function decodePresence(bytes: Uint8Array): Decoded<PresenceMessage> {
  const from = Message.read(bytes);
  if (from === undefined) return refuse('not in canonical form');
  if (from.number(2) === 0) return refuse('no counter');
  const claims = from.each(4).map(decodeClaim);
  if (claims.some((claim) => claim === undefined)) return refuse('malformed claim');
  const gone = from.each(5).map(readMac);
  if (gone.some((mac) => mac === undefined)) return refuse('malformed MAC');
  return accept({
    version: from.number(1),
    seq: from.number(2),
    anew: from.number(3) === 1,
    claims: claims.filter((claim) => claim !== undefined),
    gone: gone.filter((mac) => mac !== undefined),
    end: from.number(6),
    again: from.number(7) === 1,
  });
}

function decodeClaim(bytes: Uint8Array): ToldClaim | undefined {
  const from = Message.read(bytes);
  const mac = readMac(from?.bytes(1));
  if (from === undefined || mac === undefined) return undefined;
  const about = from.has(2) ? decodeAbout(from.message(2)) : undefined;
  if (from.has(2) && about === undefined) return undefined;
  return {
    mac,
    about,
    stay: from.number(3) === 1 ? { sinceMs: age(from.number(4)), seenMs: age(from.number(5)) } : undefined,
    bytes: from.number(6) === 1 ? { up: from.number(7), down: from.number(8) } : undefined,
  };
}

function encodeAbout({ addresses, names }: Pick<Descriptor, 'addresses' | 'names'>): Uint8Array {
  return encodeDescriptor({
    node: '',
    device: true,
    macs: [],
    addresses: addresses.slice(0, MAX_TOLD_ADDRESSES),
    domains: [],
    names: names.slice(0, MAX_TOLD_NAMES),
  });
}

function decodeAbout(from: Message | undefined): ToldClaim['about'] {
  const read = decodeDescriptor('', from);
  if (read === undefined) return undefined;
  return {
    addresses: read.addresses.slice(0, MAX_TOLD_ADDRESSES),
    names: read.names.slice(0, MAX_TOLD_NAMES),
  };
}

function age(ms = 0): number {
  return Math.min(MAX_AGE_MS, Math.max(0, Math.round(ms)));
}

function macBytes(mac: Mac): Uint8Array {
  return fromHex(mac.replaceAll(':', '')) ?? new Uint8Array(0);
}

function readMac(bytes: Uint8Array | undefined): Mac | undefined {
  return bytes?.length === 6 ? canonicalMac((toHex(bytes).match(/../g) ?? []).join(':')) : undefined;
}
