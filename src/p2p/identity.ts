import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PeerId, PrivateKey } from '@libp2p/interface';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import { DataError } from '../errors.ts';
import { fromHex, type PeerKey, toHex } from '../policy/crypto.ts';
import { replaceFile } from '../store/files.ts';
import { generateKey, keyFromSeed, type SigningKey } from './keys.ts';

const FILE = 'peer.key';
const PREFIX = 'hedgerow-peer-key/1 ';
/** The prefix, twice 64 hex digits, a blank and a newline; anything longer is not ours. */
const MAX_FILE_BYTES = 256;

/**
 * The agent's key from `<stateDir>/peer.key`, made at the first start (mode 0600, whole and synced before it gets its
 * name). DataError when the file is readable by others or is not a key; it is never overwritten.
 */
export function loadPeerKey(stateDir: string): SigningKey {
  const path = join(stateDir, FILE);
  const text = readPrivate(path);
  if (text === undefined) return createPeerKey(path);
  const [digits = '', peer, more] = text.startsWith(PREFIX)
    ? text.slice(PREFIX.length).trimEnd().split(' ')
    : [];
  const seed = fromHex(digits);
  const key = seed?.length === 32 && more === undefined ? keyFromSeed(seed) : undefined;
  // The public key behind the seed is the check: another seed would be another router. Older files do not have it.
  if (key === undefined || (peer ?? key.peer) !== key.peer) {
    throw new DataError(`${path} is not a peer key`, {
      hint: 'put the file back from a copy; without it, move it away: the router then gets a new key and must be admitted anew',
    });
  }
  return key;
}

/** At most so many peer ids are kept: a home has tens of members, a stranger must not fill memory. */
const MAX_CACHED_IDS = 1_024;
/** Looking up the connections of a peer takes its id, whose text libp2p makes once for each object. */
const ids = new Map<PeerKey, PeerId>();
const keys = new WeakMap<PeerId, PeerKey>();

/** libp2p's peer id of a key; undefined when the text is not a key. */
export function peerIdOf(peer: PeerKey): PeerId | undefined {
  const cached = ids.get(peer);
  if (cached !== undefined) return cached;
  const raw = fromHex(peer);
  if (raw?.length !== 32) return undefined;
  const id = peerIdFromPublicKey(publicKeyFromRaw(raw));
  const oldest = ids.size >= MAX_CACHED_IDS ? ids.keys().next().value : undefined;
  if (oldest !== undefined) ids.delete(oldest);
  ids.set(peer, id);
  return id;
}

/** The key inside an ed25519 peer id; undefined for peer ids of other kinds. */
export function peerKeyOf(id: PeerId): PeerKey | undefined {
  if (id.type !== 'Ed25519') return undefined;
  const cached = keys.get(id);
  if (cached !== undefined) return cached;
  const key = toHex(id.publicKey.raw);
  keys.set(id, key);
  return key;
}

/** The key in a peer id's text (`12D3KooW…`); undefined for anything else. Never throws. */
export function parsePeerId(text: string): PeerKey | undefined {
  // Ed25519 peer ids are 52 base58 characters: nothing longer reaches the parser.
  if (text.length > 64) return undefined;
  try {
    return peerKeyOf(peerIdFromString(text));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/**
 * libp2p's form of the private key: the seed followed by the public key. It signs as ours does: libp2p's own parses the key anew
 * for every message, which takes three times as long as the signature.
 */
export function libp2pKeyOf(key: SigningKey): PrivateKey {
  const raw = new Uint8Array(64);
  raw.set(key.seed);
  raw.set(fromHex(key.peer) ?? [], 32);
  const sign: PrivateKey['sign'] = (message, options) => {
    options?.signal?.throwIfAborted();
    return key.sign(message instanceof Uint8Array ? message : message.subarray());
  };
  return Object.assign(privateKeyFromRaw(raw), { sign });
}

function createPeerKey(path: string): SigningKey {
  const key = generateKey();
  replaceFile(path, `${PREFIX}${toHex(key.seed)} ${key.peer}\n`);
  return key;
}

/** The text of a file that only its owner may read; undefined when there is none. */
function readPrivate(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new DataError(`${path} cannot be read`, {
      cause: error,
      hint: 'start the agent as the user that owns the file',
    });
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > MAX_FILE_BYTES) {
      throw new DataError(`${path} is not a peer key`, { hint: 'put the file back from a copy' });
    }
    if ((stat.mode & 0o077) !== 0) {
      throw new DataError(`${path} can be read by others`, { hint: `chmod 600 ${path}` });
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
