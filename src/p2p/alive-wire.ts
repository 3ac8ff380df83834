import { Message, Writer } from '../policy/codec.ts';
import { fromHex, toHex } from '../policy/crypto.ts';
import { type Applied, MAX_RECENT } from './applied.ts';
import { accept, type Decoded, digestText, refuse } from './wire.ts';

/** One keep-alive. Times in microseconds and milliseconds as named. */
export interface AliveFrame {
  readonly version: number;
  /** Counts this side's frames on this stream, from 1. */
  readonly counter: number;
  /** The counter of the newest frame received, 0 before the first, and how long ago that was. */
  readonly echo: number;
  readonly heldUs: number;
  /** How long the sender waits for the receiver before it calls it down. */
  readonly toleranceMs: number;
  readonly digest: string;
  readonly registersDigest: string;
  readonly applied: Applied;
  /** The sender's wall clock when it sent this, Unix milliseconds; 0 from one that does not say. */
  readonly clock: number;
  /** Whether the sender trusts that clock. */
  readonly trusted: boolean;
}

/** The bytes of a keep-alive. */
export function encodeAlive(alive: AliveFrame): Uint8Array {
  return new Writer()
    .number(1, alive.version)
    .number(2, alive.counter)
    .number(3, alive.echo)
    .number(4, alive.heldUs)
    .number(5, alive.toleranceMs)
    .bytes(6, fromHex(alive.digest))
    .bytes(7, fromHex(alive.registersDigest))
    .bytes(8, fromHex(alive.applied.digest))
    .each(9, raws(alive.applied.recent.slice(-MAX_RECENT)))
    .number(10, alive.clock)
    .number(11, alive.trusted ? 1 : 0)
    .finish();
}

/** Reads a keep-alive. Never throws. */
export function decodeAlive(bytes: Uint8Array): Decoded<AliveFrame> {
  const from = Message.read(bytes);
  if (from === undefined) return refuse('not in canonical form');
  const digest = digestText(from, 6);
  const registersDigest = digestText(from, 7);
  const appliedDigest = digestText(from, 8);
  const recent = from.each(9);
  if (digest === undefined || registersDigest === undefined || appliedDigest === undefined)
    return refuse('malformed digest');
  if (recent.length > MAX_RECENT || recent.some((id) => id.length !== 32)) return refuse('malformed ops');
  if (from.number(2) === 0) return refuse('no counter');
  return accept({
    version: from.number(1),
    counter: from.number(2),
    echo: from.number(3),
    heldUs: from.number(4),
    toleranceMs: from.number(5),
    digest,
    registersDigest,
    applied: { digest: appliedDigest, recent: recent.map(toHex) },
    clock: from.number(10),
    trusted: from.number(11) === 1,
  });
}

function raws(ids: readonly string[]): Uint8Array[] {
  return ids.map(fromHex).filter((bytes) => bytes !== undefined);
}
