import { parseSetName, type SetLetter, setName } from './names.ts';
import { indexOf, type PrefixIndex } from './prefix-index.ts';
import type { Rulebook, SetSpec } from './rulebook.ts';

const NOTHING: ReadonlySet<string> = new Set();

/** The letters of exceptions. In a set of theirs an address more lets packets pass. */
export const EXCEPTIONS: readonly SetLetter[] = ['a', 'an'];

/** True for the name of a set of ours that lets packets pass which it holds: exceptions, and known addresses. */
export function isPassing(name: string): boolean {
  const parts = parseSetName(name);
  return parts !== undefined && !parts.temporary && [...EXCEPTIONS, 'K'].includes(parts.letter);
}

/** The same, or the guard's. */
export function letsPass(name: string): boolean {
  const parts = parseSetName(name);
  return isPassing(name) || (parts?.letter === 'U' && !parts.temporary);
}

/** True for what a resync has to read: sets that let pass, and owners' addresses, which tell whose the exceptions are. */
export function isRead(name: string): boolean {
  const parts = parseSetName(name);
  return letsPass(name) || (parts?.letter === 'd' && !parts.temporary);
}

/**
 * Whether the owner that has this exception blocks something of it in another rulebook. If not, the exception may come
 * before what it excepts from, or go after it, so that what passes before and after passes always: the owner's chain is never
 * needed to stop it. If so, it comes last or goes first: another chain may have to stop what this one did. An address
 * that is known is excepted from being looked up by its MAC, whoever would be found by it: always last and first.
 */
export function blocksIn(rulebook: Rulebook): (set: SetSpec, exception: string) => boolean {
  return ({ letter, family, index }, exception) => {
    if (letter === 'K') return true;
    const elements = (of: SetLetter, slot?: number): ReadonlySet<string> =>
      rulebook.sets.get(setName(of, family, slot))?.elements ?? NOTHING;
    const prefixes = (of: SetLetter, slot?: number): PrefixIndex => indexOf(elements(of, slot));
    if (letter === 'a' && (elements('r', index).has(exception) || elements('E').has(exception))) return true;
    const kinds = rulebook.shape.slots.get(index ?? -1)?.kinds;
    if (kinds === undefined || prefixes('an', index).holds(exception)) return false;
    if (prefixes('n', index).meets(exception)) return true;
    if (kinds.has('internet') && !prefixes('H').holds(exception)) return true;
    return kinds.has('lan') && prefixes('H').meets(exception);
  };
}
