import { toHex } from '../../policy/crypto.ts';
import type { HomeFile } from '../../store/home-file.ts';
import { generateKey, randomHex, type SigningKey } from '../keys.ts';

/**
 * The home of a router that has none: a home of one. The recovery key stays in the home file until a person takes it
 * (`home create`).
 */
export function foundHome(key: SigningKey): HomeFile {
  const recovery = generateKey();
  return {
    genesis: { recovery: recovery.peer, founder: key.peer, nonce: randomHex(16) },
    psk: randomHex(32),
    sponsors: [],
    bootstrap: [],
    recoverySeed: toHex(recovery.seed),
  };
}
