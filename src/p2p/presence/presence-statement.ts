import type { Mac } from '../../policy/block-set.ts';
import { WIRE_VERSION } from '../wire.ts';
import { type News, told } from './presence-feed.ts';
import { encodeClaim, encodePresence } from './presence-wire.ts';

/** A message is closed when its claims have more bytes than this; a claim has at most 5 KiB. */
const CHUNK_BYTES = 12 * 1024;
/** The largest frame on a presence stream, bytes. */
export const MAX_PRESENCE_FRAME = 32 * 1024;
/** A MAC with what is around it, bytes. */
const GONE_BYTES = 8;

/**
 * The messages that tell news at this time; `seq` counts up from the one before the first. Made one by one: everything about
 * thousands of devices takes a quarter of a second.
 */
export function* statementOf(news: News, now: number, seq: number): Generator<Uint8Array> {
  let sent = 0;
  let claims: Uint8Array[] = [];
  let gone: Mac[] = [];
  let bytes = 0;
  const message = (end: number) => {
    sent += 1;
    const anew = news.anew && sent === 1;
    const whole = { version: WIRE_VERSION, seq: seq + sent, anew, claims, gone, end, again: false };
    [claims, gone, bytes] = [[], [], 0];
    return encodePresence(whole);
  };
  for (const claim of news.claims) {
    const encoded = encodeClaim(told(claim, now));
    claims.push(encoded);
    bytes += encoded.length;
    if (bytes > CHUNK_BYTES) yield message(0);
  }
  for (const mac of news.gone) {
    gone.push(mac);
    bytes += GONE_BYTES;
    if (bytes > CHUNK_BYTES) yield message(0);
  }
  yield message(news.count + 1);
}

/** The message that asks the other side to say everything again. */
export function askAgain(seq: number): Uint8Array {
  return encodePresence({
    version: WIRE_VERSION,
    seq: seq + 1,
    anew: false,
    claims: [],
    gone: [],
    end: 0,
    again: true,
  });
}
