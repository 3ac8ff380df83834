import type { Drift } from './backend.ts';
import { chainsOf } from './chains.ts';
import { sameRules } from './chains-text.ts';
import { HOOK, ROOT } from './names.ts';
import type { Look } from './resync.ts';
import { FAMILIES, type Rulebook } from './rulebook.ts';

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
