import { createHash } from 'node:crypto';
import type { Crypto } from '../../../src/policy/crypto.ts';

/** Real hashes; no signature holds. */
export const hashing: Crypto = {
  sha256(...parts) {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  verify: () => false,
};
