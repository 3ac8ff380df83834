import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { Message, readText, Writer } from '../../policy/codec.ts';
import { fromHex, type PeerKey, toHex } from '../../policy/crypto.ts';
import { isAnnounceable, parseAddress } from '../addresses.ts';
import { accept, type Decoded, refuse, WIRE_VERSION } from '../wire.ts';

/** Where a router can be dialled on one subnet. */
export interface Announcement {
  readonly peer: PeerKey;
  /** Multiaddrs `/ip4|ip6/<address>/tcp/<port>`, without a peer id; at most {@link MAX_ADDRESSES}. */
  readonly addresses: readonly string[];
}

/** What the members of one home share on their subnets: both follow from its pre-shared key. */
export interface HomeTag {
  /** The name asked for and answered to: chance to whoever lacks the key. */
  readonly service: string;
  /** AES-256. A secret. */
  readonly key: Uint8Array;
}

/** More addresses than this are not told, and not read. */
export const MAX_ADDRESSES = 8;
/** A sealed announcement is never longer, bytes. */
export const MAX_SEALED = 1_024;
const MAX_ADDRESS_BYTES = 64;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The tag of the home with this pre-shared key (docs/protocol.md, "Finding each other"). */
export function homeTag(psk: Uint8Array): HomeTag {
  const derive = (label: string) => createHmac('sha256', psk).update(label).digest();
  return {
    service: `_h${toHex(derive('hedgerow-mdns/1').subarray(0, 8))}._tcp.local`,
    key: derive('hedgerow-mdns-key/1'),
  };
}

/** Seals an announcement under a fresh random nonce: nonce ‖ ciphertext ‖ tag (NIST SP 800-38D). */
export function seal({ peer, addresses }: Announcement, { key }: HomeTag): Uint8Array {
  const plain = new Writer()
    .number(1, WIRE_VERSION)
    .bytes(2, fromHex(peer))
    .each(
      3,
      addresses.slice(0, MAX_ADDRESSES).map((text) => new TextEncoder().encode(text)),
    )
    .finish();
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what somebody on the subnet says. A verdict: without the key nothing is accepted. Never throws. */
export function open(sealed: Uint8Array, tag: HomeTag): Decoded<Announcement> {
  if (sealed.length > MAX_SEALED || sealed.length < NONCE_BYTES + TAG_BYTES) return refuse('length');
  const plain = decrypt(sealed, tag.key);
  return plain === undefined ? refuse('forged') : readAnnouncement(plain);
}

/** Reads what a member has sealed. A verdict: it may be any bytes. Never throws. */
export function readAnnouncement(plain: Uint8Array): Decoded<Announcement> {
  const message = Message.read(plain);
  const peer = message?.bytes(2, 32);
  if (message === undefined || peer === undefined || message.number(1) < 1)
    return refuse('not an announcement');
  const told = message.each(3);
  if (told.length > MAX_ADDRESSES) return refuse('too many addresses');
  const addresses = told.map(dialable);
  if (!addresses.every((text) => text !== undefined)) return refuse('not an address');
  return accept({ peer: toHex(peer), addresses: [...new Set(addresses)] });
}

function decrypt(sealed: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    // The tag does not fit: somebody without the key.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** A name would be looked up somewhere else, and loopback would be ourselves: only plain addresses that can be dialled. */
function dialable(bytes: Uint8Array): string | undefined {
  const text = bytes.length > MAX_ADDRESS_BYTES ? undefined : readText(bytes);
  if (text === undefined || !/^\/ip[46]\//.test(text) || !isAnnounceable(text)) return undefined;
  const address = parseAddress(text);
  return address === undefined || address.peer !== undefined || /\/tcp\/0$/.test(address.text)
    ? undefined
    : address.text;
}
