import { createHash } from 'node:crypto';
import { Message, Writer } from '../policy/codec.ts';
import { fromHex, type PeerKey, toHex } from '../policy/crypto.ts';
import { decodeGenesis, encodeGenesis, type Genesis } from '../policy/genesis.ts';
import { isAnnounceable, parseAddress } from './addresses.ts';
import { accept, type Decoded, refuse } from './wire.ts';

/** What `hedgerow invite` prints: all that a router needs to be let in once. A secret, also after it was used. */
export interface InvitationToken {
  readonly genesis: Genesis;
  /** The pre-shared key of the overlay, 32 bytes in hex. */
  readonly psk: string;
  /** The seed of the key that lets in once, 32 bytes. */
  readonly seed: Uint8Array;
  /** The router that knows the invitation. */
  readonly inviter: PeerKey;
  /** Where it listens, as multiaddrs. */
  readonly addresses: readonly string[];
  /** When it ends, Unix milliseconds, by a clock that may be wrong: for the person who reads it only. */
  readonly until: number;
}

const PREFIX = 'hedgerow-invite1.';
const MAX_TEXT = 4_096;
const MAX_ADDRESSES = 8;
const MAX_ADDRESS = 200;
const SUM_BYTES = 4;

/** The text of a token (docs/protocol.md, "Joining"). */
export function encodeToken(token: InvitationToken): string {
  const { genesis, psk, seed, inviter, until } = token;
  const content = new Writer()
    .bytes(1, encodeGenesis(genesis))
    .bytes(2, fromHex(psk))
    .bytes(3, seed)
    .bytes(4, fromHex(inviter))
    .number(5, Math.max(0, Math.floor(until)))
    .each(
      6,
      dialable(token.addresses).map((text) => new TextEncoder().encode(text)),
    )
    .finish();
  return PREFIX + Buffer.concat([content, sumOf(content)]).toString('base64url');
}

/** Reads what a person pasted. Never throws. */
export function decodeToken(text: string): Decoded<InvitationToken> {
  const typed = text.trim();
  if (!typed.startsWith(PREFIX)) return refuse(`it does not begin with ${PREFIX}`);
  if (typed.length > MAX_TEXT || !/^[\w-]+$/.test(typed.slice(PREFIX.length)))
    return refuse('it is not whole');
  const bytes = Buffer.from(typed.slice(PREFIX.length), 'base64url');
  if (bytes.toString('base64url') !== typed.slice(PREFIX.length)) return refuse('it is not whole');
  const content = bytes.subarray(0, Math.max(0, bytes.length - SUM_BYTES));
  if (!sumOf(content).equals(bytes.subarray(content.length))) return refuse('it is not whole');
  const from = Message.read(content);
  const genesis = decodeGenesis(from?.bytes(1) ?? new Uint8Array(0));
  const [psk, seed, inviter] = [2, 3, 4].map((tag) => from?.bytes(tag, 32));
  if (from === undefined || !genesis || !psk || !seed || !inviter)
    return refuse('something is missing in it');
  const addresses = from.each(6).map((each) => Buffer.from(each).toString('utf8'));
  const odd = addresses.some((each) => each.length > MAX_ADDRESS || parseAddress(each) === undefined);
  if (odd || addresses.length > MAX_ADDRESSES) return refuse('an address in it cannot be read');
  return accept({
    genesis,
    psk: toHex(psk),
    seed: Uint8Array.from(seed),
    inviter: toHex(inviter),
    addresses,
    until: from.number(5),
  });
}

/** Those that another router can dial, if there are any: a token is short. */
function dialable(addresses: readonly string[]): string[] {
  const texts = addresses.flatMap((text) => parseAddress(text)?.text ?? []);
  const outside = texts.filter(isAnnounceable);
  return [...new Set(outside.length > 0 ? outside : texts)]
    .filter((text) => text.length <= MAX_ADDRESS)
    .slice(0, MAX_ADDRESSES);
}

/** Finds what was not pasted whole. */
function sumOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, SUM_BYTES);
}
