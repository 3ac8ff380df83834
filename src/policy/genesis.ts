import { Message, Writer } from './codec.ts';
import { type Crypto, fromHex, type PeerKey, toHex } from './crypto.ts';
import type { HomeId } from './identity.ts';

/** What makes a home; its hash is the home's id, so that nobody can claim to have founded another's. */
export interface Genesis {
  /** The home's most senior key, kept on paper and on no router. */
  readonly recovery: PeerKey;
  /** The first member and admin. */
  readonly founder: PeerKey;
  /** 16 random bytes, hex. */
  readonly nonce: string;
}

/** The canonical bytes of a genesis. */
export function encodeGenesis(genesis: Genesis): Uint8Array {
  return new Writer()
    .number(1, 1)
    .bytes(2, fromHex(genesis.recovery))
    .bytes(3, fromHex(genesis.founder))
    .bytes(4, fromHex(genesis.nonce))
    .finish();
}

/** Undefined for anything that is not a genesis of this version. Never throws. */
export function decodeGenesis(bytes: Uint8Array): Genesis | undefined {
  const from = Message.read(bytes);
  const recovery = from?.bytes(2, 32);
  const founder = from?.bytes(3, 32);
  const nonce = from?.bytes(4, 16);
  if (from?.number(1) !== 1 || from.fields.length !== 4 || !recovery || !founder || !nonce) return undefined;
  return { recovery: toHex(recovery), founder: toHex(founder), nonce: toHex(nonce) };
}

/** SHA-256 of the genesis. */
export function homeIdOf(genesis: Genesis, crypto: Crypto): HomeId {
  return toHex(crypto.sha256(encodeGenesis(genesis)));
}
