import { Message, Writer } from '../../policy/codec.ts';
import { fromHex, type PeerKey, toHex } from '../../policy/crypto.ts';
import { accept, type Decoded, digestText, refuse } from '../wire.ts';
import { type About, aboutBytes, MAX_ABOUT, readAbout } from './about-wire.ts';
import { type Applied, MAX_RECENT } from './applied.ts';
import { MAX_ASKS } from './asks.ts';
import { type Enforcement, enforcementNumbers, readEnforcement } from './enforcement.ts';

/** The longest keep-alive, bytes: there is room for everything at its most (asked.ts bounds what is said of others). */
export const MAX_ALIVE = 16 * 1024;

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
  /** What the sender knows of members that the receiver asked for. */
  readonly about: readonly About[];
  /** The members of which the sender wants to know who hears them, at most {@link MAX_ASKS}. */
  readonly asks: readonly PeerKey[];
  /** It asks for the same as on this stream before, and names nobody. */
  readonly again?: boolean | undefined;
  /** It understands `again`. */
  readonly remembers?: boolean | undefined;
  /** The shortest interval at which the sender can send, milliseconds; 0 from one that does not say. */
  readonly shortestMs: number;
  /** Ops that the sender holds; 0 from one that does not say. */
  readonly changes: number;
  /** Whether the sender blocks what is decided; undefined from one that does not say. */
  readonly enforcement?: Enforcement | undefined;
}

/** The bytes of a keep-alive. */
export function encodeAlive(alive: AliveFrame): Uint8Array {
  const [enforcement, secondsLeft] = enforcementNumbers(alive.enforcement);
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
    .each(12, alive.about.slice(0, MAX_ABOUT).map(aboutBytes))
    .each(13, raws(alive.asks.slice(0, MAX_ASKS)))
    .number(14, alive.shortestMs)
    .number(15, alive.changes)
    .number(16, alive.again === true ? 1 : 0)
    .number(17, alive.remembers === true ? 1 : 0)
    .number(18, enforcement)
    .number(19, secondsLeft)
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
  const asks = from.each(13);
  if (digest === undefined || registersDigest === undefined || appliedDigest === undefined)
    return refuse('malformed digest');
  if (recent.length > MAX_RECENT || recent.some((id) => id.length !== 32)) return refuse('malformed ops');
  if (asks.length > MAX_ASKS || asks.some((key) => key.length !== 32)) return refuse('malformed question');
  if (from.number(2) === 0) return refuse('no counter');
  const about = from.each(12).map(readAbout);
  if (about.length > MAX_ABOUT || !about.every((one) => one !== undefined))
    return refuse('malformed witness');
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
    about,
    asks: asks.map(toHex),
    shortestMs: from.number(14),
    changes: from.number(15),
    again: from.number(16) === 1 || undefined,
    remembers: from.number(17) === 1 || undefined,
    enforcement: readEnforcement(from.number(18), from.number(19)),
  });
}

function raws(ids: readonly string[]): Uint8Array[] {
  return ids.map(fromHex).filter((bytes) => bytes !== undefined);
}
