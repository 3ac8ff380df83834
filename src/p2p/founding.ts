import { toHex } from '../policy/crypto.ts';
import type { HomeFile } from '../store/home-file.ts';
import { generateKey, randomHex, type SigningKey } from './keys.ts';

/**
 * Founds the home of a router that has none: a home of one. The recovery key stays in the home file until a person
 * takes it (`home create`).
 */
export function foundHome(key: SigningKey, keep: (file: HomeFile) => void): HomeFile {
  const recovery = generateKey();
  const file: HomeFile = {
    genesis: { recovery: recovery.peer, founder: key.peer, nonce: randomHex(16) },
    psk: randomHex(32),
    sponsors: [],
    bootstrap: [],
    recoverySeed: toHex(recovery.seed),
  };
  keep(file);
  return file;
}
