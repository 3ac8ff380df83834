import { canonicalAddress, canonicalPrefix } from '../../policy/address.ts';
import type { Drift } from './backend.ts';
import { chainsOf } from './chains.ts';
import { sameRules } from './chains-text.ts';
import { HOOK, ROOT } from './names.ts';
import type { Look } from './resync.ts';
import { FAMILIES, type Rulebook, type SetSpec } from './rulebook.ts';

/** Where a look at the kernel differs from what it was left with. Chains and sets beyond ours are nobody's concern. */
export function driftOf(mirror: Rulebook, look: Look): readonly Drift[] {
  const drift: Drift[] = [];
  for (const family of FAMILIES) {
    const { chains, jumps } = look.found[family];
    if (jumps[0] !== 1) {
      const detail = jumps.length === 0 ? 'missing' : `at position ${jumps[0]} instead of 1`;
      drift.push({ what: 'jump', name: ROOT, detail: `IPv${family} ${HOOK}: ${detail}` });
    }
    for (const [name, rules] of chainsOf(mirror.shape, family)) {
      const there = chains.get(name);
      if (there === undefined) drift.push({ what: 'chain', name, detail: `IPv${family}: missing` });
      else if (!sameRules(there, rules))
        drift.push({ what: 'chain', name, detail: `IPv${family}: other rules` });
    }
  }
  for (const [name, { elements }] of mirror.sets) {
    const size = look.sizes.get(name);
    if (size === undefined) drift.push({ what: 'set', name, detail: 'missing' });
    else if (size !== elements.size)
      drift.push({ what: 'set', name, detail: `${size} elements instead of ${elements.size}` });
  }
  return drift;
}

/** Comparing the elements may take this much of the time between two checks, milliseconds in 10 s; 10,000 take half of it. */
const OFTEN_MS = 100;
/** What takes longer comes at one check in six at the least, once a minute; beyond so many elements at one in sixty. */
const OFTEN_COMPARED = 50_000;

/**
 * At which check, in how many, the elements of the sets are compared and not their number alone: the kernel tells nobody when
 * one takes the place of another. A small router decides by how long it took the last time.
 */
export function thoroughEvery({ sets }: Rulebook, tookMs: number): number {
  const elements = sets.values().reduce((sum, set) => sum + set.elements.size, 0);
  return Math.min(elements <= OFTEN_COMPARED ? 6 : 60, Math.max(1, Math.ceil(tookMs / OFTEN_MS)));
}

/** Where the elements of the kernel's sets differ from what they were left with; `held` is what it printed of each. */
export function elementDriftOf(
  mirror: Rulebook,
  held: ReadonlyMap<string, ReadonlySet<string>>,
): readonly Drift[] {
  const drift: Drift[] = [];
  for (const [name, set] of mirror.sets) {
    const there = held.get(name) ?? new Set<string>();
    if (there.size !== set.elements.size || ![...there].every((element) => isIn(set, element)))
      drift.push({ what: 'set', name, detail: 'other elements' });
  }
  return drift;
}

/** The kernel prints some IPv6 addresses in another way than we do, and prefixes of full length as addresses. */
function isIn({ elements }: SetSpec, printed: string): boolean {
  if (elements.has(printed)) return true;
  const own = [canonicalAddress(printed), canonicalPrefix(printed)];
  return own.some((element) => element !== undefined && elements.has(element));
}
