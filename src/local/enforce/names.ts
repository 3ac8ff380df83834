import type { Family } from '../../policy/address.ts';

/** The table and chain that we are called from, and our first chain: the only foreign place that we write to. */
export const HOOK = 'FORWARD';
export const TABLE = 'mangle';
export const ROOT = 'HEDGEROW';
export const JUMP = `-A ${HOOK} -j ${ROOT}`;

/** Always empty: `test` on it answers on standard error, which is how a command session acknowledges. */
export const ACK_SET = 'hedge-ack';

/**
 * The letters of the sets (design page enforce.md): `L` owners' addresses, `W` those of owners with something wide, `R`
 * remotes, `E` those blocked for everyone, `H` the home, `U` the guard, `K` devices' addresses; `g`, `w` L and W of a
 * slot group; of a slot `d` its addresses, `r` its remotes, `n` its networks, `a`, `an` its exceptions to them.
 */
export type SetLetter = 'L' | 'W' | 'R' | 'E' | 'H' | 'U' | 'K' | 'g' | 'w' | 'd' | 'r' | 'a' | 'n' | 'an';

const OUR_SET = /^hedge-(tmp-)?([LWREHUK]|(?:g|w|d|r|a|n|an)(?=\d))(\d{0,9})-([46])$/;
const OUR_CHAIN = /^(HEDGEROW|HR-[A-Za-z0-9]+)$/;

/** Kernel name of a set; `index` is the slot or the slot group. At most 31 characters (IPSET_MAXNAMELEN). */
export function setName(letter: SetLetter, family: Family, index?: number): string {
  return `hedge-${letter}${index ?? ''}-${family}`;
}

/** The temporary name under which a set is filled before it takes the place of `name`. */
export function temporaryName(name: string): string {
  return name.replace(/^hedge-/, 'hedge-tmp-');
}

export interface SetNameParts {
  readonly letter: SetLetter;
  readonly index: number | undefined;
  readonly family: Family;
  readonly temporary: boolean;
}

/** What a set's name says; undefined for a set that is not ours. */
export function parseSetName(name: string): SetNameParts | undefined {
  const [, temporary, letter, index, family] = OUR_SET.exec(name) ?? [];
  if (letter === undefined || ('LWREHUK'.includes(letter) && index !== '')) return undefined;
  return {
    letter: letter as SetLetter,
    index: index ? Number(index) : undefined,
    family: family === '4' ? 4 : 6,
    temporary: temporary !== undefined,
  };
}

/** True for chains that only we make. */
export function isOurChain(name: string): boolean {
  return OUR_CHAIN.test(name);
}
