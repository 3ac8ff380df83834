import { canonicalDomain } from '../../policy/address.ts';
import { u16 } from './bytes.ts';
import { ownText } from './facts.ts';
import type { TcpFrame } from './frame.ts';
import { TcpStreams } from './tcp-streams.ts';

/** `short`: more of it may come. `other`: no ClientHello. `nameless`: it names no domain. */
export type HelloIgnored = 'short' | 'other' | 'nameless';

const [HANDSHAKE, CLIENT_HELLO] = [22, 1];
const [SERVER_NAME, HOST_NAME] = [0, 0];
/** Handshake messages are cut into records of at most so many bytes (RFC 8446, 5.1); real ones fill one. */
const MAX_RECORDS = 4;
const MAX_EXTENSIONS = 64;

/**
 * The domain that a TLS client names to the server (RFC 8446, 4.1.2; RFC 6066, 3), canonical. Of an encrypted ClientHello it
 * is the outer name. Not QUIC, whose first packets are encrypted.
 */
export function parseClientHello(bytes: Uint8Array): { readonly domain: string } | HelloIgnored {
  if ((bytes[0] ?? HANDSHAKE) !== HANDSHAKE || (bytes[1] ?? 3) !== 3) return 'other';
  const hello = handshake(bytes);
  if (hello.length > 0 && hello[0] !== CLIENT_HELLO) return 'other';
  const end = 4 + ((hello[1] ?? 0) << 16) + u16(hello, 2);
  // Type and length, version, random; then the session, cipher suites and compression methods, each after its length.
  let at = 4 + 2 + 32;
  at += 1 + (hello[at] ?? 0);
  at += 2 + u16(hello, at);
  at += 1 + (hello[at] ?? 0);
  at += 2;
  for (let count = 0; count < MAX_EXTENSIONS && (hello.length < 4 || at + 4 <= end); count++) {
    if (at + 4 > hello.length) return 'short';
    const length = u16(hello, at + 2);
    if (u16(hello, at) === SERVER_NAME) {
      return at + 4 + length > hello.length ? 'short' : serverName(hello.subarray(at + 4, at + 4 + length));
    }
    at += 4 + length;
  }
  return 'nameless';
}

/** The list's first name, which is its only one: there is only one kind. */
function serverName(list: Uint8Array): { readonly domain: string } | HelloIgnored {
  const length = u16(list, 3);
  if (list[2] !== HOST_NAME || 5 + length > list.length || length > 255) return 'nameless';
  const domain = canonicalDomain(Buffer.from(list.subarray(5, 5 + length)).toString('latin1'));
  return domain === undefined ? 'nameless' : { domain: ownText(domain) };
}

/** What the records at the beginning hold, as far as it came. */
function handshake(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (let count = 0; count < MAX_RECORDS && bytes[at] === HANDSHAKE; count++) {
    const end = at + 5 + u16(bytes, at + 3);
    parts.push(bytes.subarray(at + 5, end));
    at = end;
  }
  const [first = new Uint8Array(0)] = parts;
  return parts.length < 2 ? first : Buffer.concat(parts);
}

/** The domains that TLS clients name, also when a ClientHello comes in more than one segment. */
export class HelloStreams {
  readonly #streams = new TcpStreams();
  readonly counters = this.#streams.counters;

  /** The domain that is known with this segment of a client. */
  take(frame: TcpFrame): string | undefined {
    const { payload } = frame;
    const isHello = payload[0] === HANDSHAKE && payload[1] === 3 && payload[5] === CLIENT_HELLO;
    if (isHello) this.#streams.forget(frame);
    else if (!this.#streams.has(frame)) return undefined;
    const got = this.#streams.take(frame);
    if (got === undefined) return undefined;
    const hello = parseClientHello(got.bytes);
    const goesOn = hello === 'short' && !got.lost && this.#streams.keep(frame, got.bytes);
    if (!goesOn) this.#streams.forget(frame);
    return typeof hello === 'string' ? undefined : hello.domain;
  }
}
