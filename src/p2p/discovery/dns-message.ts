import { AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet';
import { accept, type Decoded, refuse } from '../wire.ts';
import { MAX_SEALED } from './announcement.ts';

/** A message of multicast DNS is never longer, bytes (RFC 6762, section 17). */
export const MAX_DATAGRAM = 9_000;
/** How long a cache may keep an announcement, seconds: two of the longest pauses between them. */
export const TTL_SECONDS = 120;
/** A character-string of a TXT record is never longer, bytes (RFC 1035, section 3.3.14). */
const MAX_STRING = 255;
/** Records that a message says it has. The decoder makes room for all of them before it looks: 65,535 of each kind cost 5 ms. */
const MAX_RECORDS = 64;
/** Announcements that are read of one message. */
const MAX_ANSWERS = 4;

/** What a datagram has to do with the service that was asked about. */
export interface Heard {
  /** It asks for it. */
  readonly asks: boolean;
  /** The contents of the TXT records that it answers with and that are still good, not opened yet. */
  readonly sealed: readonly Uint8Array[];
}

/** A question for everybody of a service. */
export function question(service: string): Uint8Array {
  return encode({ type: 'query', id: 0, questions: [{ name: service, type: 'TXT' }] });
}

/** One router's answer. The record is shared: it takes no other's place in a cache (RFC 6762, section 10.2). */
export function answer(service: string, sealed: Uint8Array, ttl = TTL_SECONDS): Uint8Array {
  const strings: Buffer[] = [];
  for (let at = 0; at < sealed.length; at += MAX_STRING)
    strings.push(Buffer.from(sealed.subarray(at, at + MAX_STRING)));
  return encode({
    type: 'response',
    id: 0,
    flags: AUTHORITATIVE_ANSWER,
    answers: [{ name: service, type: 'TXT', ttl, data: strings }],
  });
}

/**
 * Whether a datagram may speak of a service: its first label stands in each one that does, once at least without
 * compression. A thousandth of what it costs to decode a long one.
 */
export function mentions(datagram: Uint8Array, service: string): boolean {
  const [label = ''] = service.split('.');
  return Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length).includes(label);
}

/** Reads what a datagram says of a service. A verdict, never an exception. */
export function read(datagram: Uint8Array, service: string): Decoded<Heard> {
  if (datagram.length > MAX_DATAGRAM) return refuse('too long');
  if (recordsIn(datagram) > MAX_RECORDS) return refuse('too many records');
  try {
    const message = decode(Buffer.from(datagram));
    const ours = (record: { name: string; type: string }) =>
      record.type === 'TXT' && record.name.toLowerCase() === service;
    if (message.type === 'query') return accept({ asks: (message.questions ?? []).some(ours), sealed: [] });
    const sealed = (message.answers ?? [])
      .filter((record) => record.type === 'TXT' && ours(record) && (record.ttl ?? 0) > 0)
      .slice(0, MAX_ANSWERS)
      .map((record) => (record.type === 'TXT' ? joined(record.data) : Buffer.alloc(0)))
      .filter((bytes) => bytes.length > 0 && bytes.length <= MAX_SEALED);
    return accept({ asks: false, sealed });
  } catch (error) {
    if (error instanceof Error) return refuse('not a DNS message');
    throw error;
  }
}

/** The four counts in the header (RFC 1035, section 4.1.1), together. */
function recordsIn(datagram: Uint8Array): number {
  let count = 0;
  for (let at = 4; at < 12; at += 2) count += ((datagram[at] ?? 0) << 8) + (datagram[at + 1] ?? 0);
  return count;
}

function joined(data: string | Buffer | (string | Buffer)[]): Buffer {
  return Buffer.concat([data].flat().map((part) => Buffer.from(part)));
}
