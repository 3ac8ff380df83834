import { UsageError } from '../../errors.ts';
import { keyFromSeed, randomHex, type SigningKey } from '../../p2p/keys.ts';
import { fromHex } from '../../policy/crypto.ts';
import type { Parts } from '../parts.ts';

/** Who signs a change in place of this router, in a run of its own. */
export interface Signer {
  readonly key: SigningKey;
  readonly run: string;
}

/**
 * The recovery key as a person typed it in, or undefined where none is given and this router signs. UsageError when it is not that of
 * this home, or when this router is no admin: `what` is what it may not do then.
 */
export function signerOf(
  { replica, key }: Parts,
  recoveryKey: string | undefined,
  what: string,
): Signer | undefined {
  if (recoveryKey === undefined) {
    if (replica.member(key.peer)?.admin === true && replica.isMember(key.peer)) return undefined;
    throw new UsageError(`this router may not ${what} others: it is no admin of its home`, {
      hint: 'do it on one that is (hedgerow home lists them), or with the recovery key (--recovery-key -)',
    });
  }
  const seed = fromHex(recoveryKey.replaceAll(/[\s-]/g, '').toLowerCase());
  const recovery = seed?.length === 32 ? keyFromSeed(seed) : undefined;
  if (recovery?.peer !== replica.genesis.recovery) {
    throw new UsageError('this is not the recovery key of this home', {
      hint: 'eight groups of eight digits and letters a–f, as hedgerow home create printed them',
    });
  }
  return { key: recovery, run: randomHex(16) };
}
