import { Message, Writer } from '../../policy/codec.ts';
import { fromHex, type PeerKey, toHex } from '../../policy/crypto.ts';
import type { OpId } from '../../policy/records.ts';
import { digestText } from '../wire.ts';
import { MAX_ASKS } from './asks.ts';

/** A keep-alive tells of so many members, in so many bytes, and of each so many ops. */
export const MAX_ABOUT = MAX_ASKS;
export const MAX_ABOUT_BYTES = 10 * 1024;
export const MAX_ABOUT_OPS = 16;

/** What a member says of a third one that it hears itself. */
export interface About {
  readonly peer: PeerKey;
  /** How long ago its last sign of life was heard directly, milliseconds; undefined when that is not said. */
  readonly ageMs: number | undefined;
  /** Its replica's digest, and the digest that its kernel was last made equal to; undefined: as said before, or not known. */
  readonly digest: string | undefined;
  readonly applied: string | undefined;
  /** Ops that reached its kernel and were not told of yet, at most {@link MAX_ABOUT_OPS}. */
  readonly recent: readonly OpId[];
}

export function aboutBytes(about: About): Uint8Array {
  return aboutWriter(about).finish();
}

/** The same before it is bytes: how long it will be is known. */
export function aboutWriter(about: About): Writer {
  return new Writer()
    .bytes(1, fromHex(about.peer))
    .number(2, about.ageMs === undefined ? 0 : Math.floor(about.ageMs) + 1)
    .bytes(3, about.digest === undefined ? undefined : fromHex(about.digest))
    .bytes(4, about.applied === undefined ? undefined : fromHex(about.applied))
    .each(
      5,
      about.recent.slice(-MAX_ABOUT_OPS).flatMap((op) => fromHex(op) ?? []),
    );
}

/** Undefined for anything malformed. Never throws. */
export function readAbout(bytes: Uint8Array): About | undefined {
  const from = Message.read(bytes);
  const peer = from?.bytes(1, 32);
  if (from === undefined || peer === undefined) return undefined;
  const digest = digestText(from, 3);
  const applied = digestText(from, 4);
  const recent = from.each(5);
  if (digest === undefined || applied === undefined) return undefined;
  if (recent.length > MAX_ABOUT_OPS || recent.some((op) => op.length !== 32)) return undefined;
  const age = from.number(2);
  return {
    peer: toHex(peer),
    ageMs: age === 0 ? undefined : age - 1,
    digest: from.has(3) ? digest : undefined,
    applied: from.has(4) ? applied : undefined,
    recent: recent.map(toHex),
  };
}
